"""Tests of what is sent in place of an INVITE that was refused."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.retry_rules import (
    FewerExtensions,
    LongerInterval,
    Retry,
    RetryRule,
    SipForTel,
)
from sipuac.syntax.message import Request, Response
from tests.dialog.messages import invite

Rows = Iterable[tuple[str, str]]


def refusal(status: int, *headers: tuple[str, str]) -> Response:
    """A final response of which a rule sees no more than this."""
    return Response(status, None, headers)


class RuleTestCase(SynchronousTestCase):
    """Rules that are given an INVITE and a response."""

    def ask(
        self, rule: RetryRule, sent: Request, status: int, *headers: tuple[str, str]
    ) -> Retry | None:
        """What the rule says."""
        return rule.retry(sent, refusal(status, *headers))

    def assert_kept(self, sent: Request, again: Request, *changed: str) -> None:
        """All fields but CSeq and these are as they were, and so is the body."""
        ignored = {"CSeq", *changed}
        kept = [row for row in sent.header_items() if row[0] not in ignored]
        rows = [row for row in again.header_items() if row[0] not in ignored]
        self.assertEqual(rows, kept)
        self.assertEqual(again.body, sent.body)


class IntervalTests(RuleTestCase):
    """422 Session Interval Too Small."""

    def test_raised(self) -> None:
        """Session-Expires and Min-SE are raised to the Min-SE of the 422, with the same
        Call-ID and the next CSeq (4028-7.3-a).
        """
        sent = invite(("Session-Expires", "90"), ("Supported", "timer"))
        retry = self.ask(LongerInterval(), sent, 422, ("Min-SE", "300"))
        assert retry is not None
        again = retry.invite
        self.assertEqual(again.get_all("Session-Expires"), ["300"])
        self.assertEqual(again.get_all("Min-SE"), ["300"])
        self.assertEqual(again.get("CSeq"), "2 INVITE")
        self.assert_kept(sent, again, "Session-Expires", "Min-SE")
        self.assertEqual(retry.action, "accepting a session interval of 300 s")

    def test_an_interval_that_is_long_enough_stays(self) -> None:
        """Session-Expires stays at or above Min-SE; it is not lowered (4028-7.1-b)."""
        sent = invite(("Session-Expires", "1800"))
        retry = self.ask(LongerInterval(), sent, 422, ("Min-SE", "300"))
        assert retry is not None
        self.assertEqual(retry.invite.get_all("Session-Expires"), ["1800"])

    def test_no_timer_was_asked_for(self) -> None:
        """A proxy may have added the interval that was too small: Min-SE says so."""
        retry = self.ask(LongerInterval(), invite(), 422, ("Min-SE", "300"))
        assert retry is not None
        self.assertEqual(retry.invite.get_all("Min-SE"), ["300"])
        self.assertIsNone(retry.invite.get("Session-Expires"))

    def test_several(self) -> None:
        """Each proxy on the way may demand more than the one before; no more than
        four of them are obeyed.
        """
        rule, sent = LongerInterval(), invite(("Session-Expires", "90"))
        for demanded in ("100", "200", "300", "400"):
            retry = self.ask(rule, sent, 422, ("Min-SE", demanded))
            assert retry is not None
            sent = retry.invite
            self.assertEqual(sent.get_all("Min-SE"), [demanded])
        self.assertEqual(sent.get("CSeq"), "5 INVITE")
        self.assertIsNone(self.ask(rule, sent, 422, ("Min-SE", "500")))

    def test_in_vain(self) -> None:
        """A 422 that demands nothing more would come again."""
        sent = invite(("Session-Expires", "300"), ("Min-SE", "300"))
        for rows in ((), (("Min-SE", "300"),), (("Min-SE", "x"),), (("Min-SE", "1"),)):
            self.assertIsNone(self.ask(LongerInterval(), sent, 422, *rows))

    def test_unreadable(self) -> None:
        """A Session-Expires of the application's own that makes no sense gives way."""
        for text in ("soon", "9"):
            sent = invite(("Session-Expires", text))
            retry = self.ask(LongerInterval(), sent, 422, ("Min-SE", "300"))
            assert retry is not None
            self.assertEqual(retry.invite.get_all("Min-SE"), ["300"])
            self.assertIsNone(retry.invite.get("Session-Expires"))

    def test_another_status(self) -> None:
        """Only a 422 says so."""
        self.assertIsNone(self.ask(LongerInterval(), invite(), 421, ("Min-SE", "300")))


class ExtensionTests(RuleTestCase):
    """420 Bad Extension."""

    def test_dropped(self) -> None:
        """After 420 the extensions listed in Unsupported are left out
        (3261-8.1.3.5-e).
        """
        sent = invite(("Supported", "100rel, 199, timer"))
        retry = self.ask(FewerExtensions(), sent, 420, ("Unsupported", "199"))
        assert retry is not None
        self.assertEqual(retry.invite.get_all("Supported"), ["100rel, timer"])
        self.assertEqual(retry.invite.get("CSeq"), "2 INVITE")
        self.assert_kept(sent, retry.invite, "Supported")
        self.assertEqual(retry.action, "without 199")

    def test_all_dropped(self) -> None:
        """Nothing is left of the field; tags are compared without regard to case."""
        sent = invite(("Supported", "100rel"), ("Supported", "199"))
        unsupported = (("Unsupported", "100REL"), ("Unsupported", "199, foo"))
        retry = self.ask(FewerExtensions(), sent, 420, *unsupported)
        assert retry is not None
        self.assertEqual(retry.invite.get_all("Supported"), [])
        self.assertEqual(retry.action, "without 100rel, 199")

    def test_the_session_timer(self) -> None:
        """Without the extension its fields go too."""
        sent = invite(
            ("Supported", "timer"), ("Session-Expires", "90"), ("Min-SE", "90")
        )
        retry = self.ask(FewerExtensions(), sent, 420, ("Unsupported", "timer"))
        assert retry is not None
        for name in ("Supported", "Session-Expires", "Min-SE"):
            self.assertIsNone(retry.invite.get(name))

    def test_preferences(self) -> None:
        """After a 420 that names pref the INVITE goes without Proxy-Require: pref;
        the preferences stay in it (3841-5-c).
        """
        sent = invite(("Proxy-Require", "pref"), ("Request-Disposition", "no-fork"))
        retry = self.ask(FewerExtensions(), sent, 420, ("Unsupported", "pref"))
        assert retry is not None
        self.assertIsNone(retry.invite.get("Proxy-Require"))
        self.assertEqual(retry.invite.get("Request-Disposition"), "no-fork")

    def test_what_the_call_needs(self) -> None:
        """What is in Require the application depends on; so it does on what proxies
        must know, privacy for one.
        """
        for row in (("Require", "100rel"), ("Proxy-Require", "privacy, pref")):
            sent = invite(row, ("Supported", "100rel, privacy, 199"))
            for tags in ("100rel, 199, privacy", "privacy, 199, pref, 100rel"):
                unsupported = ("Unsupported", tags)
                retry = self.ask(FewerExtensions(), sent, 420, unsupported)
                self.assertIsNone(retry)

    def test_in_vain(self) -> None:
        """Without an extension of ours in Unsupported nothing can be left out."""
        sent = invite(("Supported", "100rel"))
        for rows in ((), (("Unsupported", ""),), (("Unsupported", "foo"),)):
            self.assertIsNone(self.ask(FewerExtensions(), sent, 420, *rows))
        self.assertIsNone(
            self.ask(FewerExtensions(), sent, 421, ("Unsupported", "100rel"))
        )


class SchemeTests(RuleTestCase):
    """416 Unsupported URI Scheme."""

    def test_a_sip_uri(self) -> None:
        """After 416 a SIP URI is used, with the whole telephone-subscriber in its user
        part, and the order and case of RFC 3261 19.1.6 (3261-8.1.3.5-d).
        """
        sent = invite(uri="tel:+358-555-1234567;POSTD=PP22;a=B;isub=1411")
        retry = self.ask(SipForTel("foo.com"), sent, 416)
        assert retry is not None
        self.assertEqual(
            retry.invite.uri_text,
            "sip:+358-555-1234567;isub=1411;postd=pp22;a=b@foo.com;user=phone",
        )
        self.assertEqual(retry.invite.get("CSeq"), "2 INVITE")
        self.assert_kept(sent, retry.invite)

    def test_in_vain(self) -> None:
        """A SIP URI is not made from another; we must be of some domain."""
        tel = invite(uri="tel:+1")
        self.assertIsNone(self.ask(SipForTel("foo.com"), invite(), 416))
        self.assertIsNone(self.ask(SipForTel(None), tel, 416))
        self.assertIsNone(self.ask(SipForTel("foo.com"), tel, 404))
