"""One call at a phone of the soak, from its INVITE to its end.

The phone keeps to RFC 3261 in what it repeats and how long: its 2xx until the ACK, its
reliable 183 until the PRACK, its other final responses until the ACK, its own BYE until
the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.soak.phone_text import HOST, Peer, Text, answer_to, description, response

if TYPE_CHECKING:
    from tests.soak.phone import Behaviour, Phones


class Repeated:
    """A datagram that is sent again and again until somebody says that it is enough.

    Args:
        clock: The only source of time.
        send: Sends it.
        given_up: Called after 64*T1.
        t1: Seconds (RFC 3261 section 17).
        doubles_on: Whether the interval grows beyond T2, as that of a reliable
            provisional response does (RFC 3262 section 3).
    """

    def __init__(
        self,
        clock: Any,
        send: Callable[[], None],
        given_up: Callable[[], None],
        t1: float,
        *,
        doubles_on: bool = False,
    ) -> None:
        self._clock = clock
        self._send = send
        self._given_up = given_up
        self._longest = (64 if doubles_on else 8) * t1
        self._interval = t1
        self._end = clock.seconds() + 64 * t1
        send()
        self._timer = clock.callLater(t1, self._again)

    def _again(self) -> None:
        now = self._clock.seconds()
        if now >= self._end:
            self._given_up()
            return
        self._send()
        self._interval = min(2 * self._interval, self._longest)
        wait = min(self._interval, self._end - now)
        self._timer = self._clock.callLater(wait, self._again)

    def stop(self) -> None:
        """It is enough."""
        if self._timer.active():
            self._timer.cancel()


class PhoneCall:
    """What a phone does about one INVITE.

    Attributes:
        invite: The INVITE.
        tag: Our tag.
        is_acknowledged: Whether the ACK of our final response came.
    """

    def __init__(
        self,
        phones: Phones,
        invite: Text,
        source: tuple[str, int],
        behaviour: Behaviour,
    ) -> None:
        self.invite = invite
        self.tag = f"phone{phones.serial()}"
        self.is_acknowledged = False
        self._phones = phones
        self._clock = phones.clock
        self._source = source
        self._behaviour = behaviour
        # The last provisional response, then the final one.
        self._last = b""
        self._final = ""
        self._repeated: Repeated | None = None
        self._reinvites: dict[int, Repeated] = {}
        self._timer: Any = None
        self._is_over = False
        self._media_port = 10000

    def begin(self) -> None:
        """The INVITE has come."""
        if self._behaviour.early:
            fields = [("Require", "100rel"), ("RSeq", "1"), self._contact]
            octets = self._response("183 Session Progress", fields, self._body())
            self._repeat(octets, "no PRACK", doubles_on=True)
            return
        if self._behaviour.rings:
            self._last = self._response("180 Ringing", [self._contact])
            self._send(self._last)
        self._answer_soon()

    def repeat(self) -> None:
        """The INVITE came again."""
        if self._last:
            self._send(self._last)

    def acknowledged(self, ack: Text) -> None:
        """An ACK came."""
        again = self._reinvites.pop(ack.cseq, None)
        if again is not None:
            again.stop()
            return
        if ack.cseq != self.invite.cseq or not self._final:
            self._phones.counts["stray ACK"] += 1
            return
        if self.is_acknowledged:
            self._phones.counts["ACK repeated"] += 1
            return
        self.is_acknowledged = True
        self._stop_repeating()
        if not self._is_answered:
            self._is_over = True
            self._forget_later()
            return
        self._phones.counts["confirmed"] += 1
        if self._behaviour.hangs_up is not None and not self._is_over:
            self._clock.callLater(self._behaviour.hangs_up, self._hang_up)

    def cancelled(self) -> None:
        """A CANCEL came, and was answered."""
        self._phones.counts["cancelled"] += 1
        if self._final:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._behaviour.minds_cancel:
            self._answer("487 Request Terminated")
        else:
            self._answer("200 OK")

    def asked(self, request: Text, source: tuple[str, int]) -> bytes | None:
        """The answer to a request in the dialog; None where it is sent otherwise."""
        method = request.method
        if self._is_over and method != "BYE":
            return response(request, "481 No Such Call", self.tag)
        if method == "BYE":
            self._byed()
        elif method == "PRACK":
            self._phones.counts["PRACK"] += 1
            self._stop_repeating()
            self._answer_soon()
        elif method == "INVITE":
            self._reinvited(request, source)
            return None
        else:
            self._phones.counts[method] += 1
        fields = [self._contact] if method == "UPDATE" else []
        return response(request, "200 OK", self.tag, fields)

    @property
    def is_unended(self) -> bool:
        """Whether it was answered, and is not over."""
        return self._is_answered and not self._is_over

    # -- inside

    @property
    def _is_answered(self) -> bool:
        return self._final.startswith("2")

    @property
    def _contact(self) -> tuple[str, str]:
        return ("Contact", f"<sip:phone@{HOST}:{self._phones.port}>")

    def _body(self) -> str:
        return answer_to(self.invite.body, self._media_port)

    def _response(
        self, status: str, fields: list[tuple[str, str]], body: str = ""
    ) -> bytes:
        return response(self.invite, status, self.tag, fields, body)

    def _send(self, octets: bytes) -> None:
        self._phones.send(octets, self._source)

    def _answer_soon(self) -> None:
        if self._behaviour.after is not None and not self._final:
            self._timer = self._clock.callLater(
                self._behaviour.after, self._answer, self._behaviour.final
            )

    def _answer(self, status: str) -> None:
        if self._final:
            return
        self._final = status
        if not self._is_answered:
            self._repeat(self._response(status, []), "refusal without ACK")
            return
        self._phones.counts["answered"] += 1
        # What was described before needs no repetition (RFC 3262 section 5).
        body = "" if self._behaviour.early else self._body()
        octets = self._response(status, [self._contact], body)
        self._repeat(octets, "answer without ACK")

    def _repeat(self, octets: bytes, trouble: str, *, doubles_on: bool = False) -> None:
        self._last = octets

        def given_up() -> None:
            self._phones.trouble(trouble, self)
            # A phone that hears nothing hangs up; nobody hears that either.
            self._is_over = True
            self._forget_later()

        self._stop_repeating()
        self._repeated = Repeated(
            self._clock,
            lambda: self._send(octets),
            given_up,
            self._phones.t1,
            doubles_on=doubles_on,
        )

    def _stop_repeating(self) -> None:
        if self._repeated is not None:
            self._repeated.stop()
            self._repeated = None

    def _byed(self) -> None:
        self._stop_repeating()
        if self._is_over:
            return
        self._is_over = True
        for again in self._reinvites.values():
            again.stop()
        if self._is_answered:
            self._phones.counts["ended by BYE"] += 1
            if not self.is_acknowledged:
                # It may have overtaken the ACK, or the ACK is lost.
                self._phones.counts["ended unacknowledged"] += 1
        else:
            self._phones.counts["ended early by BYE"] += 1
            self._answer("487 Request Terminated")
        self._forget_later()

    def _reinvited(self, invite: Text, source: tuple[str, int]) -> None:
        again = self._reinvites.get(invite.cseq)
        if again is not None:
            return
        self._phones.counts["re-INVITE"] += 1
        body = answer_to(invite.body, self._media_port) if invite.body else ""
        body = body or description(self._media_port)
        octets = response(invite, "200 OK", self.tag, [self._contact], body)

        def given_up() -> None:
            self._phones.trouble("re-INVITE without ACK", self)

        self._reinvites[invite.cseq] = Repeated(
            self._clock,
            lambda: self._phones.send(octets, source),
            given_up,
            self._phones.t1,
        )

    def _hang_up(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        branch = f"z9hG4bKphone{self._phones.serial()}"
        peer = Peer.of(self.invite, self.tag)
        octets = peer.request("BYE", 1, branch, self._phones.port)

        def given_up() -> None:
            self._phones.expect_no_more(branch)
            self._phones.trouble("BYE without answer", self)

        bye = Repeated(
            self._clock,
            lambda: self._phones.send(octets, peer.address),
            given_up,
            self._phones.t1,
        )

        def answered(text: Text) -> None:
            if text.status < 200:
                return
            bye.stop()
            self._phones.expect_no_more(branch)
            if text.status == 200:
                self._phones.counts["BYE answered"] += 1
            else:
                self._phones.trouble("BYE refused", self, status=text.status)
            self._forget_later()

        self._phones.expect(branch, answered)

    def _forget_later(self) -> None:
        self._clock.callLater(64 * self._phones.t1, self._phones.forget, self)
