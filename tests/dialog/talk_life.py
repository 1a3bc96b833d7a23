"""What may happen to a call that stands, at random; a part of `test_random.Life`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sipuac.errors import TransactionTimeout, TransportFailed
from sipuac.syntax.message import Response
from tests.dialog.messages import CALL_ID, FROM, TO, VIA, answer, peer_request, sdp

if TYPE_CHECKING:
    from tests.dialog.test_random import Life

_PORTS = (1000, 1002, 1004)


class TalkLife:
    """The events of calls that stand."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._random = life.random
        self._token = 0
        self.events: list[tuple[float, Callable[[], None]]] = [
            (6, self._ask),
            (10, self._invite_response),
            (8, self._media_works),
            (8, self._peer_changes),
            (6, self._peer_acks),
            (2, self._peer_cancels),
        ]

    def _tag(self) -> str:
        calls = sorted(self._life.monitor.established)
        return self._random.choice(calls or self._life.tags)

    # Ours

    def _ask(self) -> None:
        life, dialog_set, tag = self._life, self._life.set, self._tag()
        self._token += 1
        life.monitor.talks.tokens.add(self._token)
        what = self._random.choice(["modify", "hold", "resume", "refresh", "INFO"])
        life.log.append(f"{what} {tag}")
        if what == "refresh":
            effects = dialog_set.refresh(tag, self._token)
        elif what == "INFO":
            effects = dialog_set.send_request(tag, self._token, "INFO")
        else:
            is_held = {"modify": None, "hold": True, "resume": False}[what]
            effects = dialog_set.modify(tag, self._token, is_held)
        life.monitor.effects(effects)

    def _invite_response(self) -> None:
        life, talks = self._life, self._life.monitor.talks
        if not talks.invites:
            return
        number = self._random.choice(list(talks.invites))
        if number in talks.acked:
            said = self._response(number, 200)
            life.monitor.effects(life.set.reinvite_response(number, said))
            return
        statuses = [
            100,
            180,
            183,
            200,
            200,
            200,
            200,
            491,
            491,
            488,
            422,
            500,
            481,
            0,
            1,
        ]
        status = self._random.choice(statuses)
        life.log.append(f"re-INVITE {number}: {status}")
        if status < 2:
            del talks.invites[number]
            error = TransactionTimeout("B") if status else TransportFailed("broken")
            life.monitor.effects(life.set.reinvite_failed(number, error))
            return
        said = self._response(number, status)
        talks.invite_response(number, said)
        life.monitor.effects(life.set.reinvite_response(number, said))
        talks.invite_taken()

    def end_invite(self) -> None:
        """The transaction of one of our re-INVITEs ends without a response."""
        talks = self._life.monitor.talks
        number = next(one for one in talks.invites if one not in talks.acked)
        del self._life.monitor.talks.invites[number]
        error = TransactionTimeout("B")
        self._life.monitor.effects(self._life.set.reinvite_failed(number, error))

    def _response(self, number: int, status: int) -> Response:
        sent = self._life.monitor.talks.invites[number]
        rows = [
            ("Via", VIA),
            ("From", FROM),
            ("To", f"{TO};tag={sent.branch}" if sent.branch else TO),
            ("Call-ID", CALL_ID),
            ("CSeq", f"{sent.request.cseq.number} INVITE"),
        ]
        if status == 183 and self._random.random() < 0.7:
            rseq = self._random.choice("123")
            rows += [("Require", "100rel"), ("RSeq", rseq)]
        if status == 422:
            rows.append(("Min-SE", self._random.choice(["90", "120", "300"])))
        if status == 500:
            rows.append(("Retry-After", self._random.choice(["0", "5", "900"])))
        if status not in (183, 200) or self._random.random() < 0.1:
            return Response(status, None, rows)
        rows.append(("Content-Type", "application/sdp"))
        return Response(status, None, rows, sdp(self._random.choice(_PORTS)))

    # The media

    def _media_works(self) -> None:
        life, talks = self._life, self._life.monitor.talks
        if not talks.asked:
            return
        tag = self._random.choice(list(talks.asked))
        work = talks.asked[tag]
        is_done = self._random.random() < 0.85
        talks.media_done(tag, is_offer=work == "offer" and is_done)
        life.log.append(f"{work} {tag} {is_done}")
        port = self._random.choice(_PORTS)
        if not is_done:
            effects = life.set.media_refused(tag, "no")
        elif work == "offer":
            effects = life.set.offer_made(tag, answer(port))
        elif work == "answer":
            effects = life.set.answer_made(tag, answer(port))
        else:
            effects = life.set.media_applied(tag)
        life.monitor.effects(effects)

    # The peer

    def _peer_changes(self) -> None:
        method = self._random.choice(["INVITE", "INVITE", "UPDATE", "INFO"])
        has_offer = method != "INFO" and self._random.random() < 0.7
        body = sdp(self._random.choice(_PORTS)) if has_offer else b""
        self._life.peer_asks(method, self._tag(), body)

    def _peer_acks(self) -> None:
        unacked = self._life.monitor.talks.unacked
        if not unacked:
            return
        tag = self._random.choice(list(unacked))
        number = unacked[tag].cseq.number
        body = sdp(2000) if self._random.random() < 0.8 else b""
        self._life.peer_asks("ACK", tag, body, number)

    def _peer_cancels(self) -> None:
        waiting = [
            one for one in self._life.monitor.talks.open if one.method == "INVITE"
        ]
        if not waiting:
            return
        invite = self._random.choice(waiting)
        cancel = peer_request("CANCEL", invite.from_tag or "", invite.cseq.number)
        self._life.log.append(f"CANCEL {invite.cseq.number} of {invite.from_tag}")
        self._life.monitor.effects(self._life.set.cancel_received(cancel))
