"""Tests of what may be asked of a new call over HTTP."""

from __future__ import annotations

import inspect
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.fork_policy import POLICIES
from sipuac.service import values
from sipuac.service.requests import _CHECKS, BadRequest, InviteOptions
from sipuac.ua.inviter import Inviter

TO = "sip:bob@example.com"
PLAIN, SINGLE = object(), object()


class InviteOptionsTests(SynchronousTestCase):
    """Tests of `InviteOptions`."""

    def read(self, **entries: object) -> tuple[str, dict[str, Any]]:
        """Read these entries as JSON."""
        options = InviteOptions({"plain": PLAIN, "single-answer": SINGLE})
        return options.read(json.dumps(entries).encode("ascii"))

    def refusal(self, body: bytes) -> str:
        """Why this body is refused."""
        return str(self.assertRaises(BadRequest, InviteOptions().read, body))

    def test_all_names(self) -> None:
        """The names are those of `invite()`, with `to` for its target."""
        to, options = self.read(
            to=TO,
            early_media=True,
            without_sdp=False,
            answer="first",
            on_fork="follow",
            extra_ringing="keep",
            fork_preference="sequential",
            headers={"Subject": "Lunch", "X-A": "1"},
            media="single-answer",
            answer_timeout=30,
            fork_grace=1.5,
            fork_hold=2,
            max_extras=3,
            session_expires=1800,
            min_se=90,
            follow_redirects=True,
            max_redirects=2,
        )
        self.assertEqual(to, TO)
        self.assertEqual(
            options,
            {
                "early_media": True,
                "without_sdp": False,
                "answer": "first",
                "on_fork": "follow",
                "extra_ringing": "keep",
                "fork_preference": "sequential",
                "headers": [("Subject", "Lunch"), ("X-A", "1")],
                "media": SINGLE,
                "answer_timeout": 30.0,
                "fork_grace": 1.5,
                "fork_hold": 2.0,
                "max_extras": 3,
                "session_expires": 1800,
                "min_se": 90,
                "follow_redirects": True,
                "max_redirects": 2,
            },
        )

    def test_names_are_those_of_invite(self) -> None:
        """Whatever can be asked for is a parameter of `invite()`."""
        parameters = set(inspect.signature(Inviter.invite).parameters)
        self.assertEqual(set(_CHECKS) - {"to"} - parameters, set())
        only_python = {"self", "target", "modifiers", "answer_modifiers", "delegate"}
        self.assertEqual(parameters - set(_CHECKS), only_python)

    def test_policies_are_known(self) -> None:
        """The names of policies are those that the package has."""
        self.assertEqual(set(values.FORK_POLICIES), set(POLICIES))

    def test_defaults(self) -> None:
        """What is not named is as the service was told."""
        options = InviteOptions({}, {"early_media": True, "on_fork": "follow"})
        read = options.read(b'{"to": "sip:a@b"}')
        self.assertEqual(read, ("sip:a@b", {"early_media": True, "on_fork": "follow"}))

    def test_default_policy_is_for_default_media(self) -> None:
        """A default policy that has no meaning without early media is not used so."""
        options = InviteOptions({}, {"early_media": True, "on_fork": "follow"})
        read = options.read(b'{"to": "sip:a@b", "early_media": false}')
        self.assertEqual(read[1]["on_fork"], None)
        read = options.read(
            b'{"to": "sip:a@b", "early_media": false, "on_fork": "keep-all"}'
        )
        self.assertEqual(read[1]["on_fork"], "keep-all")

    def test_not_json(self) -> None:
        """What is no JSON object is refused, whatever it is."""
        for body in (
            b"",
            b"to=sip:a@b",
            b"[]",
            b'"sip:a@b"',
            b"null",
            b"\xff\xfe",
            b"{",
            b"[" * 60_000,
            b'{"to": "sip:a@b", "to": "sip:c@d"}',
            b'{"a":' * 10_000,
            b"1" * 60_000,
        ):
            with self.subTest(body=body[:20]):
                self.assertTrue(self.refusal(body))

    def test_unknown_keys(self) -> None:
        """A key that means nothing is refused and named."""
        self.assertIn('"colour"', self.refusal(b'{"to": "sip:a@b", "colour": 1}'))
        for name in ("target", "modifiers", "delegate", "reactor", "self"):
            with self.subTest(name=name):
                self.refusal(json.dumps({"to": TO, name: "x"}).encode())

    def test_to_is_needed(self) -> None:
        """There is no call to nobody."""
        self.assertIn("to is missing", self.refusal(b"{}"))

    def test_wrong_types_and_values(self) -> None:
        """Each value must be of its type and within its bounds."""
        for name, value in (
            ("to", 1),
            ("to", ""),
            ("to", None),
            ("early_media", "yes"),
            ("early_media", 1),
            ("without_sdp", None),
            ("answer", "last"),
            ("on_fork", "panic"),
            ("on_fork", 1),
            ("on_fork", ["follow"]),
            ("extra_ringing", True),
            ("fork_preference", "fork"),
            ("headers", []),
            ("headers", {"A": 1}),
            ("headers", {"A b": "x"}),
            ("headers", {"A": "x\r\nVia: y"}),
            ("headers", {"A\n": "x"}),
            ("media", "opus"),
            ("media", {}),
            ("answer_timeout", "30"),
            ("answer_timeout", True),
            ("answer_timeout", 0),
            ("answer_timeout", -1),
            ("answer_timeout", 1e12),
            ("answer_timeout", 10**400),
            ("fork_grace", float("nan")),
            ("fork_hold", float("inf")),
            ("session_expires", 89),
            ("session_expires", 1800.0),
            ("min_se", True),
            ("min_se", 10**400),
            ("follow_redirects", 1),
            ("max_redirects", -1),
            ("max_extras", 1.5),
            ("max_extras", True),
            ("max_extras", -1),
            ("max_extras", 1000),
        ):
            with self.subTest(name=name, value=value):
                entries = {"to": TO, name: value}
                text = self.refusal(json.dumps(entries).encode("ascii"))
                self.assertIn(name, text)
                self.assertNotIn("\n", text)
