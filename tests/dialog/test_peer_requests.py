"""Requests of the callee in early, confirmed and ended dialogs."""

from __future__ import annotations

from sipuac.dialog.attempt import Phase
from sipuac.dialog.effects import (
    DeliverRequest,
    Effect,
    EndSession,
    FailInvite,
    Reply,
    Report,
    Resolved,
)
from sipuac.dialog.events import EarlyDialogEnded, RequestReceived
from sipuac.dialog.session_state import SessionState
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import CallFailed
from sipuac.syntax.message import Request
from tests.dialog.messages import (
    ENDED_BY_CALLER,
    NOT_WANTED,
    DialogCase,
    ack,
    applied,
    bye,
    closed,
    peer_request,
    reply,
    stopped,
)
from tests.dialog.talk import ALLOW, SUPPORTED


class PeerCase(DialogCase):
    """Tests of requests of phone "a"."""

    def ask(
        self, method: str, number: int = 1, *headers: tuple[str, str], tag: str = "a"
    ) -> tuple[Request, list[Effect]]:
        """A request of the phone, and what is done about it."""
        request = peer_request(method, tag, number, headers)
        return request, self.set.request_received(request)

    def status_of(self, method: str, number: int = 1, *headers: tuple[str, str]) -> int:
        """How a request is answered, where nothing else comes of it."""
        ((answered),) = self.ask(method, number, *headers)[1]
        assert isinstance(answered, Reply)
        return answered.response.status


class EarlyTests(PeerCase):
    """Requests inside an early dialog."""

    def setUp(self) -> None:
        """Phones "a" and "b" ring."""
        self.begin()
        self.receive(180, "a")
        self.receive(180, "b")

    def test_bye(self) -> None:
        """BYE gets 200 and that dialog ends; the INVITE goes on (3261-15.1.2-a)."""
        request, effects = self.ask("BYE")
        ended = Report(EarlyDialogEnded("a", "BYE"))
        self.assertEqual(effects, [reply(request, 200), ended])
        self.assertEqual(self.set.phase, Phase.PROCEEDING)
        self.assertTrue(self.set.branches["b"].is_early)

    def test_a_2xx_after_its_bye(self) -> None:
        """It is acknowledged and ended, and another may win."""
        self.ask("BYE")
        effects = self.receive(200, "a", port=2000)[1]
        self.assertEqual(effects[2:4], [ack(), bye("a", 1, NOT_WANTED)])
        self.assertEqual(self.of_kind(effects, FailInvite), [])

    def test_re_invite(self) -> None:
        """A re-INVITE while our INVITE is in progress gets 491 (3261-14.2-a)."""
        self.assertEqual(self.status_of("INVITE"), 491)

    def test_options(self) -> None:
        """OPTIONS is answered as if confirmed, with what we can do."""
        request, effects = self.ask("OPTIONS")
        accept = ("Accept", "application/sdp")
        self.assertEqual(effects, [reply(request, 200, ALLOW, accept, SUPPORTED)])

    def test_methods_not_built(self) -> None:
        """Known methods that are not supported get 405 with Allow (3261-8.2.1-a)."""
        methods = ["REFER", "SUBSCRIBE", "REGISTER", "PUBLISH"]
        for number, method in enumerate(methods, 1):
            request, effects = self.ask(method, number)
            self.assertEqual(effects, [reply(request, 405, ALLOW)])

    def test_prack(self) -> None:
        """A PRACK matches no provisional response of ours, as we send none: 481."""
        request, effects = self.ask("PRACK")
        self.assertEqual(effects, [reply(request, 481)])

    def test_unknown_methods(self) -> None:
        """Unknown ones get 501 (3261-8.2.1-a)."""
        request, effects = self.ask("DANCE")
        self.assertEqual(effects, [reply(request, 501, ALLOW)])

    def test_require(self) -> None:
        """An unknown option tag in Require gets 420 with Unsupported; the request is
        not carried out (3261-8.2.2.3-b).
        """
        request, effects = self.ask("BYE", 1, ("Require", "a, b"))
        self.assertEqual(effects, [reply(request, 420, ("Unsupported", "a, b"))])
        self.assertTrue(self.set.branches["a"].is_early)

    def test_an_unknown_method_with_require(self) -> None:
        """The method is looked at first (8.2.1 before 8.2.2)."""
        self.assertEqual(self.status_of("DANCE", 1, ("Require", "x")), 501)

    def test_out_of_order(self) -> None:
        """A CSeq lower than the one before gets 500, each dialog counting its own
        (3261-12.2.2-a).
        """
        self.assertEqual(self.status_of("OPTIONS", 5), 200)
        self.assertEqual(self.status_of("OPTIONS", 4), 500)
        self.assertEqual(self.status_of("BYE", 3), 500)
        self.assertEqual(self.status_of("OPTIONS", 60), 200)
        request, effects = self.ask("OPTIONS", 1, tag="b")
        self.assertEqual(self.of_kind(effects, Reply)[0].response.status, 200)
        self.assertEqual(request.cseq.number, 1)

    def test_ack(self) -> None:
        """Nobody answers an ACK."""
        self.assertEqual(self.ask("ACK")[1], [])
        self.assertEqual(self.ask("ACK", tag="nobody")[1], [])

    def test_no_such_dialog(self) -> None:
        """A request in no dialog of ours gets 481 (3261-12.2.2-a)."""
        request, effects = self.ask("BYE", tag="nobody")
        self.assertEqual(effects, [reply(request, 481)])
        request = peer_request("BYE", "a", to_tag="you")
        self.assertEqual(self.set.request_received(request), [reply(request, 481)])

    def test_what_is_copied(self) -> None:
        """From, To with its tag, Call-ID, CSeq and all Via values are copied in order
        (3261-8.2.6.2-a).
        """
        request, effects = self.ask("OPTIONS", 1, ("Via", "SIP/2.0/UDP second"))
        response = self.of_kind(effects, Reply)[0].response
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            self.assertEqual(response.get_all(name), request.get_all(name))

    def test_its_media(self) -> None:
        """The media of a dialog that its callee ends closes; the next may have it."""
        self.early_media(extra_ringing="keep")
        self.with_early_media("a")
        effects = self.ask("BYE")[1]
        ended = Report(EarlyDialogEnded("a", "BYE"))
        self.assertEqual(effects[1:], [closed("a"), ended])
        effects = self.receive(183, "b", port=3000)[1]
        self.assertEqual(effects[-1], applied("b", 3000))


class EndedTests(PeerCase):
    """Requests inside an ended dialog."""

    def test_after_every_end(self) -> None:
        """481, whatever ended it (3261-12.2.2-a)."""
        for end in ("199", "BYE", "final", "our BYE"):
            self.begin()
            self.receive(180)
            number = 1
            if end == "199":
                self.receive(199)
            elif end == "BYE":
                self.ask("BYE")
            elif end == "final":
                self.receive(486)
            else:
                self.set.end_branch("a")
                self.answer_request(1, 200)
            for method in ("BYE", "INVITE", "OPTIONS", "DANCE"):
                number += 1
                self.assertEqual(self.status_of(method, number), 481, end)

    def test_after_the_call(self) -> None:
        """The same after an established call."""
        self.begin()
        self.answered()
        self.ask("BYE")
        self.assertEqual(self.status_of("OPTIONS", 2), 481)

    def test_forgotten(self) -> None:
        """A request that comes when all is forgotten is answered all the same."""
        self.begin()
        self.receive(180)
        self.receive(486)
        self.set.fire(DialogTimer.LINGER)
        self.assertEqual(self.status_of("OPTIONS"), 481)

    def test_bye_crosses_ours_on_an_early_dialog(self) -> None:
        """BYE that crosses BYE is answered 200 (3261-15.1.2-b)."""
        self.begin()
        self.receive(180)
        self.assertEqual(self.set.end_branch("a"), [bye("a", 1, ENDED_BY_CALLER)])
        self.assertEqual(self.status_of("BYE"), 200)
        self.assertEqual(self.status_of("BYE", 2), 481)


class ConfirmedTests(PeerCase):
    """Requests inside a confirmed dialog."""

    def setUp(self) -> None:
        """The call with phone "a" stands."""
        self.begin()
        self.answered()

    def test_bye(self) -> None:
        """BYE gets 200 and ends the session, with its Reason (3261-15.1.2-a,
        3326-2-c, 3326-2-d).
        """
        reason = 'SIP;cause=200;text="Call completed elsewhere"'
        request, effects = self.ask("BYE", 1, ("Reason", reason))
        self.assertEqual(
            effects,
            [
                reply(request, 200),
                closed("a"),
                EndSession("a", "remote", reason),
                Resolved(),
            ],
        )
        self.assertEqual(self.set.session.state, SessionState.TERMINATED)
        self.assertEqual(self.set.end_branch("a"), [])

    def test_the_other_methods(self) -> None:
        """As in an early dialog."""
        methods = {"OPTIONS": 200, "PRACK": 481, "REFER": 405, "DANCE": 501}
        for number, (method, status) in enumerate(methods.items(), 1):
            self.assertEqual(self.status_of(method, number), status)
        self.assertEqual(self.status_of("OPTIONS", 1), 500)

    def test_told(self) -> None:
        """INFO, MESSAGE and NOTIFY get 200, and the application hears of them."""
        for number, method in enumerate(("INFO", "MESSAGE", "NOTIFY"), 1):
            row = ("Content-Type", "application/dtmf-relay")
            request, effects = self.ask(method, number, row)
            event = RequestReceived("a", method, "application/dtmf-relay")
            delivered = DeliverRequest("a", request)
            self.assertEqual(effects, [reply(request, 200), Report(event), delivered])

    def test_unknown_encoding(self) -> None:
        """A body in an unknown encoding gets 415 with Accept-Encoding (8.2.3), unless
        it is optional.
        """
        rows = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")]
        bare = peer_request("MESSAGE", "a", 1, rows)
        request = Request("MESSAGE", bare.uri, bare.header_items(), b"x")
        accept = ("Accept-Encoding", "identity")
        effects = self.set.request_received(request)
        self.assertEqual(effects, [reply(request, 415, accept)])
        rows.append(("Content-Disposition", "render;handling=optional"))
        bare = peer_request("MESSAGE", "a", 2, rows)
        request = Request("MESSAGE", bare.uri, bare.header_items(), b"x")
        self.assertEqual(self.set.request_received(request)[0], reply(request, 200))

    def test_info_packages(self) -> None:
        """An INFO of a package that nobody asked for gets 469 with Recv-Info (RFC 6086
        4.2.2).
        """
        request, effects = self.ask("INFO", 1, ("Info-Package", "foo"))
        self.assertEqual(effects, [reply(request, 469, ("Recv-Info", ""))])

    def test_session_timers_are_understood(self) -> None:
        """`Require: timer` is no unknown extension (3261-8.2.2.3-b)."""
        self.assertEqual(self.status_of("OPTIONS", 1, ("Require", "timer")), 200)

    def test_reliable_provisional_responses_are_understood(self) -> None:
        """Nor is `Require: 100rel` (3261-8.2.2.3-b)."""
        self.assertEqual(self.status_of("OPTIONS", 1, ("Require", "100rel")), 200)

    def test_bye_crosses_bye(self) -> None:
        """BYE that crosses BYE is answered 200; our own BYE's end ends the call
        (3261-15.1.2-b).
        """
        self.set.hang_up()
        self.assertEqual(self.status_of("BYE"), 200)
        self.assertEqual(self.status_of("OPTIONS", 2), 481)
        effects = self.answer_request(1, 481)
        self.assertEqual(effects, [EndSession("a", "local"), Resolved()])

    def test_bye_while_the_media_works(self) -> None:
        """The peer's BYE is answered and aborts; the media's result is dropped."""
        self.begin()
        self.receive(200, port=2000)
        request, effects = self.ask("BYE")
        error = self.failure(effects)
        self.assertIs(type(error), CallFailed)
        self.assertEqual(
            effects,
            [reply(request, 200), *stopped(), FailInvite(error), Resolved()],
        )
        self.assertEqual(self.set.media_applied("a"), [])

    def test_bye_of_a_released_extra(self) -> None:
        """BYE of a callee that we are sending BYE too is answered."""
        self.receive(200, "b", port=3000)
        effects = self.ask("BYE", tag="b")[1]
        self.assertEqual(self.of_kind(effects, Reply)[0].response.status, 200)
        self.assertEqual(self.set.session.state, SessionState.ESTABLISHED)

    def test_a_null_tag(self) -> None:
        """A callee without tag is found by having none (3261-12.1.2-c)."""
        self.begin()
        self.receive(200, None, port=2000, contact="<sip:old@old.example>")
        self.set.media_applied("")
        request, effects = self.ask("BYE", tag="")
        self.assertEqual(effects[0], reply(request, 200))
        self.assertIn(EndSession("", "remote"), effects)
