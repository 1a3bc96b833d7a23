"""Tests of the target set of a redirected call."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.outcome import ordered_contacts
from sipuac.dialog.redirection import MAX_TARGETS, TargetSet
from sipuac.syntax.message import Request, Response
from tests.dialog.messages import invite


def moved(*contacts: str, status: int = 302) -> Response:
    """A redirection to these."""
    return Response(status, None, [("Contact", contact) for contact in contacts])


class TargetSetTests(SynchronousTestCase):
    """The targets of a call to sip:bob@example.com."""

    def setUp(self) -> None:
        """Begin with the URI that was called."""
        self.sent = invite()
        self.targets = TargetSet(self.sent.uri, 5)

    def follow(self, response: Response) -> list[str]:
        """Follow a redirection of what was sent last."""
        self.assertTrue(self.targets.may_follow(response))
        return self.targets.add(self.sent, response, ordered_contacts(response))

    def next(self) -> str | None:
        """Send the INVITE for the next target; its Request-URI."""
        retry = self.targets.next_invite(self.sent)
        if retry is None:
            return None
        self.assertTrue(retry.is_elsewhere)
        self.sent = retry.invite
        return retry.invite.uri_text

    def all_left(self) -> list[str]:
        """All targets that are left, in order."""
        left = []
        while (uri := self.next()) is not None:
            left.append(uri)
        return left

    def test_order(self) -> None:
        """The highest q first; without one it is 1, and equal ones keep their order
        (3261-8.1.3.4-a).
        """
        response = moved(
            "<sip:d@x>;q=0.1, <sip:b@x>;q=0.5",
            "<sip:c@x>;q=0.5",
            "<sip:a@x>",
            "<sip:e@x>;q=0",
            "<sip:first@x>;q=1.0",
        )
        self.assertEqual(self.follow(response), [])
        order = ["a", "first", "b", "c", "d", "e"]
        self.assertEqual(self.all_left(), [f"sip:{name}@x" for name in order])

    def test_the_next_ones_first(self) -> None:
        """Where a target redirects us again, its own Contacts are tried before what is
        left of the earlier ones.
        """
        self.follow(moved("<sip:a@x>", "<sip:b@x>"))
        self.assertEqual(self.next(), "sip:a@x")
        self.follow(moved("<sip:c@x>;q=0.1", "<sip:d@x>;q=0.2"))
        self.assertEqual(self.all_left(), ["sip:d@x", "sip:c@x", "sip:b@x"])

    def test_the_sequence_number(self) -> None:
        """CSeq is raised from what was sent last, whatever that was
        (3261-8.1.3.4-d).
        """
        self.follow(moved("<sip:a@x>", "<sip:b@x>"))
        self.next()
        self.assertEqual(self.sent.get("CSeq"), "2 INVITE")
        self.sent = self.sent.replacing("CSeq", "7 INVITE")
        self.next()
        self.assertEqual(self.sent.get("CSeq"), "8 INVITE")

    def test_none_twice(self) -> None:
        """No URI is tried twice, compared by 19.1.4, the original one included
        (3261-8.1.3.4-b).
        """
        complaints = self.follow(
            moved(
                "<sip:bob@EXAMPLE.com>",
                "<sip:%61@x;p=1>",
                "<sip:a@x;p=1>",
                "<sip:a@x?Subject=1>",
                "<sip:A@x>",
            )
        )
        self.assertEqual(len(complaints), 3)
        self.assertTrue(all("not tried twice" in text for text in complaints))
        self.assertEqual(self.next(), "sip:%61@x;p=1")
        self.follow(moved("<sip:bob@example.com>", "<sip:a@x>", "<sip:new@x>"))
        self.assertEqual(self.all_left(), ["sip:new@x", "sip:A@x"])

    def test_too_many_redirections(self) -> None:
        """Only so many are followed (3261-8.1.3.4-f)."""
        for number in range(5):
            self.follow(moved(f"<sip:n{number}@x>"))
            self.next()
        self.assertFalse(self.targets.may_follow(moved("<sip:more@x>")))

    def test_too_many_targets(self) -> None:
        """Only so many are tried, the original one included (3261-8.1.3.4-f)."""
        many = [f"<sip:n{number}@x>" for number in range(1_000)]
        complaints = self.follow(moved(*many))
        self.assertEqual(MAX_TARGETS, 16)
        self.assertEqual(len(self.all_left()), MAX_TARGETS - 1)
        # Of a response with a thousand Contacts 64 are looked at.
        self.assertEqual(len(complaints), 64 - (MAX_TARGETS - 1))
        self.assertTrue(all("too many" in text for text in complaints))

    def test_proxies_count_as_well(self) -> None:
        """A proxy is one way to try, as a target is (3261-8.1.3.4-f)."""
        many = [f"<sip:p{number}@x>" for number in range(9)]
        self.assertEqual(self.follow(moved(*many, status=305)), [])
        complaints = self.follow(moved(*[f"<sip:n{number}@x>" for number in range(9)]))
        self.assertEqual(len(complaints), 9 - (MAX_TARGETS - 1 - 9))
        self.assertEqual(len(self.all_left()), MAX_TARGETS - 1)

    def test_known_again(self) -> None:
        """One that is known already takes no room from those behind it."""
        self.follow(moved(*[f"<sip:n{number}@x>" for number in range(15)]))
        complaints = self.follow(moved("<sip:more@x>", "<sip:n1@x>"))
        self.assertIn("too many", complaints[0])
        self.assertIn("not tried twice", complaints[1])

    def test_is_redirected(self) -> None:
        """From the first redirection on the call is a redirected one."""
        self.assertFalse(self.targets.is_redirected)
        self.follow(moved("<sip:a@x>"))
        self.assertTrue(self.targets.is_redirected)

    def test_where_to(self) -> None:
        """What is told of the next attempt says whether it goes to a target or by way
        of a proxy.
        """
        for status, where in ((302, "at sip:a@x"), (305, "by way of sip:a@x")):
            self.follow(moved("<sip:a@x>", status=status))
            retry = self.targets.next_invite(self.sent)
            assert retry is not None
            self.assertEqual(retry.action, where)

    def test_never_followed(self) -> None:
        """380 is left to the application (3261-21.3.2-a), and what is no 3xx."""
        for status in (380, 200, 400, 600):
            self.assertFalse(self.targets.may_follow(moved("<sip:a@x>", status=status)))
        for status in (300, 301, 302, 305, 399):
            self.assertTrue(self.targets.may_follow(moved("<sip:a@x>", status=status)))

    def test_secure_calls_stay_secure(self) -> None:
        """From a SIPS URI only another one is called; that is told
        (3261-8.1.3.4-e).
        """
        self.sent = invite(uri="sips:bob@example.com")
        complaints = self.follow(moved("<sip:a@x>", "<tel:+1>", "<sips:b@x>"))
        self.assertEqual(len(complaints), 2)
        self.assertIn("insecure", complaints[0])
        self.assertEqual(self.all_left(), ["sips:b@x"])

    def test_what_cannot_be_called(self) -> None:
        """Other schemes, telephone numbers without a proxy, other methods."""
        complaints = self.follow(
            moved(
                "<mailto:bob@x>",
                "<http://x/>",
                "<tel:+1>",
                "<sip:a@x;method=BYE>",
                "nonsense",
                "*",
            )
        )
        self.assertEqual(len(complaints), 4)
        self.assertEqual(self.all_left(), [])

    def test_a_telephone_number(self) -> None:
        """Where there is a proxy, it can be called."""
        self.sent = invite(("Route", "<sip:p.example;lr>"))
        self.assertEqual(self.follow(moved("<tel:+1>")), [])
        self.assertEqual(self.all_left(), ["tel:+1"])

    def test_use_proxy(self) -> None:
        """A 305 names proxies, which are no targets (3261-21.3.2-a)."""
        response = moved("<sip:p.example>", "<sip:bob@example.com>", status=305)
        self.assertEqual(self.follow(response), [])
        self.assertEqual(self.next(), "sip:bob@example.com")
        self.assertEqual(self.sent.get_all("Route"), ["<sip:p.example;lr>"])
        again = moved("<sip:p.example>", status=305)
        self.assertEqual(len(self.follow(again)), 1)

    def test_credentials_are_not_carried_along(self) -> None:
        """They are for the Request-URI that they were made for (3261-22.4-a)."""
        rows = [("Authorization", "Digest x"), ("Proxy-Authorization", "Digest y")]
        self.sent = invite(*rows)
        self.follow(moved("<sip:a@x>"))
        self.next()
        for name, _ in rows:
            self.assertIsNone(self.sent.get(name))

    def test_nothing_left(self) -> None:
        """Nobody has redirected us: there is one target only."""
        self.assertIsNone(self.targets.next_invite(self.sent))
        self.assertIsInstance(self.sent, Request)
