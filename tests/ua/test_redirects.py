"""Calls that are redirected."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import (
    Busy,
    CallFailed,
    Cancelled,
    Declined,
    NotFound,
    Redirected,
    ResolutionFailed,
)
from sipuac.syntax.message import Response
from sipuac.ua.invitation import Invitation
from tests.ua.peer import HOST, TARGET, Peer
from tests.ua.test_retries import TOO_SMALL, RetryTestCase
from tests.ua.world import Listener

CAROL = "sip:carol@carol.invalid"


def contacts(*uris: str) -> list[tuple[str, str]]:
    """Contact fields."""
    return [("Contact", f"<{uri}>") for uri in uris]


class RedirectTestCase(RetryTestCase):
    """Bob has moved to Carol."""

    def setUp(self) -> None:
        """Put Carol into the network as well."""
        super().setUp()
        self.carol = Peer(self.network, "carol.invalid")
        self.advance()

    def redirect(self, *uris: str, status: int = 302) -> None:
        """Bob says where to call instead."""
        self.refuse(status, headers=contacts(*uris))

    def refused_by_carol(self, status: int) -> None:
        """Carol refuses the call."""
        self.carol.answer(self.carol.last("INVITE"), status, "c")
        self.advance()

    def answered_by_carol(self, call: Invitation) -> None:
        """Carol takes the call, and ends it."""
        invite = self.carol.last("INVITE")
        self.carol.answer(
            invite, 200, "c", sdp=True, contact="<sip:carol@carol.invalid>"
        )
        self.advance()
        self.assertEqual(self.successResultOf(call.established).to_tag, "c")
        self.carol.ask("BYE", "c")
        self.advance()
        self.assert_nothing_left()

    def warnings(self, call: Invitation) -> list[object]:
        """The texts of all warnings."""
        events = [event.as_dict() for event in call.events]
        return [one["message"] for one in events if one["event"] == "warning"]


class FollowTests(RedirectTestCase):
    """Redirections that are followed."""

    def test_not_asked_for(self) -> None:
        """The application chooses whether they are: by default not
        (3261-8.1.3.4-f).
        """
        listener = Listener()
        call = self.invite(delegate=listener)
        self.redirect(CAROL)
        error = self.failureResultOf(call.established, Redirected).value
        self.assertEqual(error.contacts, (CAROL,))
        self.assertEqual(listener.heard, ["redirect"])
        self.assertEqual(self.carol.methods, [])
        self.assert_nothing_left()

    def test_followed(self) -> None:
        """The INVITE goes to the Contact with the same To, From and Call-ID, a new
        branch and the next CSeq (3261-8.1.3.4-d, 3261-8.1.3.4-c).
        """
        listener = Listener()
        call = self.invite(follow_redirects=True, delegate=listener)
        self.redirect(f"{CAROL};x=y?Subject=foo")
        first, second = self.peer.last("INVITE"), self.carol.last("INVITE")
        self.assertEqual(second.uri_text, f"{CAROL};x=y")
        self.assertEqual(second.get("Subject"), "foo")
        for name in ("To", "From", "Call-ID", "Contact", "Content-Type"):
            self.assertEqual(second.get_all(name), first.get_all(name), name)
        self.assertEqual(second.get("CSeq"), "2 INVITE")
        self.assertNotEqual(second.branch, first.branch)
        self.assertEqual(second.body, first.body)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertEqual(call.target, TARGET)
        self.answered_by_carol(call)
        self.assertEqual(
            self.names(call),
            [
                "invite-sent",
                "redirected",
                "retrying",
                "invite-sent",
                "answered",
                "established",
                "ended",
            ],
        )
        self.assertEqual(
            self.retrying(call), [(302, "Moved Temporarily", f"at {CAROL};x=y")]
        )
        self.assertEqual(listener.heard, ["accept"])

    def test_one_after_the_other(self) -> None:
        """After a failure (a code above 399 or a transport error) the next Contact is
        tried (3261-8.1.3.4-a).
        """
        call = self.invite(follow_redirects=True)
        self.redirect("sip:x@nowhere.invalid", f"sip:bill@{HOST}", CAROL)
        self.assertEqual(self.peer.last("INVITE").uri_text, f"sip:bill@{HOST}")
        self.assertEqual(self.carol.methods, [])
        self.refuse(404)
        self.assertEqual(self.carol.last("INVITE").get("CSeq"), "4 INVITE")
        self.answered_by_carol(call)
        self.assertEqual(
            [(status, action) for status, _, action in self.retrying(call)],
            [
                (302, "at sip:x@nowhere.invalid"),
                (503, f"at sip:bill@{HOST}"),
                (404, f"at {CAROL}"),
            ],
        )

    def test_a_retry_is_no_failure(self) -> None:
        """A 422 at a Contact is answered there first (3261-8.1.3.4-a)."""
        call = self.invite(follow_redirects=True, session_expires=90)
        self.redirect(CAROL, f"sip:bill@{HOST}")
        self.carol.answer(self.carol.last("INVITE"), 422, "c", headers=TOO_SMALL)
        self.advance()
        invite = self.carol.last("INVITE")
        self.assertEqual(invite.uri_text, CAROL)
        self.assertEqual(invite.get("CSeq"), "3 INVITE")
        self.assertEqual(len(self.sent()), 1)
        self.answered_by_carol(call)

    def test_none_is_left(self) -> None:
        """The call has failed when none is left; the last refusal says how
        (3261-8.1.3.4-a).
        """
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, "sip:x@nowhere.invalid")
        self.refused_by_carol(486)
        self.failureResultOf(call.established, Busy)
        self.assertEqual(self.names(call)[-1], "failed")
        self.assert_nothing_left()

    def test_nobody_can_be_reached(self) -> None:
        """Without any refusal it is why the last one could not be reached."""
        call = self.invite(follow_redirects=True)
        self.redirect("sip:x@nowhere.invalid")
        self.failureResultOf(call.established, ResolutionFailed)
        self.successResultOf(call.done)
        self.assert_nothing_left()

    def test_a_global_failure(self) -> None:
        """A 6xx is about the user, wherever: no other Contact is tried (21.6)."""
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, f"sip:bill@{HOST}")
        self.refused_by_carol(603)
        self.failureResultOf(call.established, Declined)
        self.assertEqual(len(self.sent()), 1)
        self.assert_nothing_left()

    def test_silence(self) -> None:
        """A Contact that never answers counts as 408; the next one is tried
        (3261-8.1.3.1-a).
        """
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, f"sip:bill@{HOST}")
        self.advance(33)
        self.assertEqual(self.peer.last("INVITE").uri_text, f"sip:bill@{HOST}")
        self.assertEqual(self.retrying(call)[1][0], 408)
        self.refuse(404)
        self.failureResultOf(call.established, NotFound)
        self.assert_nothing_left()

    def test_a_late_answer_of_a_contact(self) -> None:
        """A 2xx of a Contact that was given up gets ACK and BYE."""
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, f"sip:bill@{HOST}")
        late = self.carol.last("INVITE")
        self.advance(33)
        self.carol.answer(late, 200, "c", sdp=True, contact=f"<{CAROL}>")
        self.advance()
        methods = self.carol.methods
        self.assertEqual(methods, ["INVITE", "ACK", "BYE"])
        self.carol.answer(self.carol.last("BYE"), 200)
        self.answer(call)
        self.end(call)


class LimitTests(RedirectTestCase):
    """Redirections that are not followed, or not to the end."""

    def test_a_loop(self) -> None:
        """Two that redirect to each other are asked once each (3261-8.1.3.4-b)."""
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL)
        self.carol.answer(
            self.carol.last("INVITE"), 302, "c", headers=contacts(TARGET, CAROL)
        )
        self.advance()
        self.failureResultOf(call.established, Redirected)
        self.assertEqual(
            self.warnings(call),
            [f"{TARGET} is not tried twice", f"{CAROL} is not tried twice"],
        )
        self.assertEqual(len(self.sent()), 1)
        self.assert_nothing_left()

    def test_too_many(self) -> None:
        """Only max_redirects are followed (3261-8.1.3.4-f)."""
        call = self.invite(follow_redirects=True, max_redirects=2)
        for number in range(3):
            self.redirect(f"sip:bob{number}@{HOST}")
        error = self.failureResultOf(call.established, Redirected).value
        self.assertEqual(error.contacts, (f"sip:bob2@{HOST}",))
        self.assertEqual(len(self.sent()), 3)
        self.assert_nothing_left()

    def test_no_contact(self) -> None:
        """A 3xx without a Contact that can be read leads nowhere."""
        for rows in ([], [("Contact", "<<<")], contacts("mailto:bob@x")):
            call = self.invite(follow_redirects=True)
            self.refuse(302, headers=rows)
            self.failureResultOf(call.established, Redirected)
        self.assert_nothing_left()

    def test_an_alternative_service(self) -> None:
        """A 380 is left to the application (3261-21.3.2-a)."""
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, status=380)
        self.failureResultOf(call.established, Redirected)
        self.assert_nothing_left()

    def test_use_proxy(self) -> None:
        """After a 305 the same URI is called through that proxy (3261-21.3.2-a)."""
        call = self.invite(follow_redirects=True)
        self.redirect("sip:carol.invalid", status=305)
        invite = self.carol.last("INVITE")
        self.assertEqual(invite.uri_text, TARGET)
        self.assertEqual(invite.get_all("Route"), ["<sip:carol.invalid;lr>"])
        self.answered_by_carol(call)

    def test_cancelled(self) -> None:
        """Whoever cancels while the second target rings cancels that."""
        call = self.invite(follow_redirects=True)
        self.redirect(CAROL, f"sip:bill@{HOST}")
        self.carol.answer(self.carol.last("INVITE"), 180, "c")
        self.advance()
        call.cancel()
        self.advance()
        self.carol.answer(self.carol.last("CANCEL"), 200)
        self.refused_by_carol(487)
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(len(self.sent()), 1)
        self.assert_nothing_left()


class ChoiceTests(RedirectTestCase):
    """The application chooses among the Contacts."""

    def test_chosen(self) -> None:
        """It is given the URIs by q and says which, in its own order
        (3261-21.3.1-a).
        """
        asked: list[tuple[int, tuple[str, ...]]] = []

        def choose(response: Response, uris: tuple[str, ...]) -> list[str]:
            asked.append((response.status, uris))
            return [CAROL]

        call = self.invite(follow_redirects=choose)
        bill = f"sip:bill@{HOST}"
        rows = [("Contact", f"<{CAROL}>;q=0.1, <{bill}>;q=0.9")]
        self.refuse(300, headers=rows)
        self.assertEqual(asked, [(300, (bill, CAROL))])
        self.assertEqual(len(self.sent()), 1)
        self.answered_by_carol(call)

    def test_nothing_is_chosen(self) -> None:
        """Then the call has failed; what was not offered cannot be chosen, and an
        exception chooses nothing and is logged.
        """

        def other(response: Response, uris: tuple[str, ...]) -> list[str]:
            return ["sip:somebody@else.invalid"]

        def broken(response: Response, uris: tuple[str, ...]) -> list[str]:
            raise RuntimeError("broken")

        faults: list[tuple[Any, list[type[Exception]]]] = [
            (lambda response, uris: [], []),
            (other, [KeyError]),
            (broken, [RuntimeError]),
        ]
        for choose, errors in faults:
            call = self.invite(follow_redirects=choose)
            self.redirect(CAROL)
            self.failureResultOf(call.established, Redirected)
            logged = [failure.type for failure in self.flushLoggedErrors()]
            self.assertEqual(logged, errors)
        self.assertEqual(self.carol.methods, [])
        self.assert_nothing_left()

    def test_it_gives_up(self) -> None:
        """Whoever cancels his own choice has made none: the call fails at once."""
        asked: Deferred[Any] = Deferred()
        call = self.invite(follow_redirects=lambda response, uris: asked)
        self.redirect(CAROL)
        asked.cancel()
        self.advance()
        self.failureResultOf(call.established, Redirected)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assert_nothing_left()

    def test_it_takes_its_time(self) -> None:
        """A Deferred is waited for, and cancelled with the call."""
        cancelled: list[object] = []
        asked: list[Deferred[Any]] = []

        def choose(response: Response, uris: tuple[str, ...]) -> Deferred[Any]:
            asked.append(Deferred(cancelled.append))
            return asked[-1]

        call = self.invite(follow_redirects=choose)
        self.redirect(CAROL)
        self.advance(5)
        asked[0].callback([CAROL])
        self.advance()
        self.answered_by_carol(call)
        call = self.invite(follow_redirects=choose)
        self.redirect(CAROL)
        call.cancel()
        self.assertEqual(len(cancelled), 1)
        self.failureResultOf(call.established, CallFailed)
        self.assert_nothing_left()
