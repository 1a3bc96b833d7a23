"""A caller, a forking proxy and phones in memory, for the tests of calls.

At the end of each test the world is asked what is left: no transaction, no timer, no
media session, no error in a log, no complaint of a phone.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.testing.clock import advance_until
from sipuac.testing.identifiers import CountingIdentifiers
from sipuac.testing.media import ScriptedMedia
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, Targets, parallel
from sipuac.testing.resolver import LiteralResolver
from sipuac.testing.script import Script, Step
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter

HOP = 0.01
"""Seconds that every packet takes."""


class CallTestCase(SynchronousTestCase):
    """Tests of calls from `caller` through `proxy` to phones."""

    protocol = "UDP"

    def setUp(self) -> None:
        """Put a caller and a proxy into a new network."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.network.conditions = self.network.conditions.__class__(delay=HOP)
        self.endpoint = Endpoint(
            self.clock,
            self.network.transport("caller.invalid", 5060, "UDP", "TCP"),
            LiteralResolver(None, "nowhere.invalid"),
            identifiers=CountingIdentifiers("caller"),
            chance=lambda: 0.0,
        )
        self.successResultOf(self.endpoint.start())
        self.media = ScriptedMedia(self.clock)
        self.proxy = ForkingProxy(
            self.network.transport("proxy.invalid", 5060, "UDP", "TCP"),
            self.clock,
            {},
            domains=["example.invalid"],
        )
        self.successResultOf(self.proxy.start())
        transport = "" if self.protocol == "UDP" else f";transport={self.protocol}"
        self.inviter = Inviter(
            self.endpoint,
            "Caller <sip:caller@example.invalid>",
            proxy=f"sip:proxy.invalid{transport}",
            media=self.media,
        )
        self.phones: list[Phone] = []

    def phone(self, name: str, *steps: Step, script: Script | None = None) -> Phone:
        """A phone that is reached as sip:NAME@NAME.invalid."""
        phone = Phone(
            self.network.transport(f"{name}.invalid", 5060, "UDP", "TCP"),
            self.clock,
            script or Script(*steps),
            name=name,
        )
        self.successResultOf(phone.start())
        self.phones.append(phone)
        return phone

    def ring(self, targets: Targets | None = None) -> None:
        """Make sip:bob@example.invalid ring all phones, or these targets."""
        uris = [f"sip:{phone.name}@{phone.name}.invalid" for phone in self.phones]
        self.proxy.location["bob"] = parallel(*uris) if targets is None else targets

    def invite(self, **options: Any) -> Invitation:
        """Call Bob."""
        asked = self.inviter.invite("sip:bob@example.invalid", **options)
        if self.protocol != "UDP":
            self.advance(3 * HOP)
        return self.successResultOf(asked)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def advance_to(self, start: str, source: str) -> None:
        """Let time pass until this host sends a message that begins so."""

        def is_sent() -> bool:
            return bool(self.network.packets(start, f"{source}.invalid"))

        self.assertTrue(advance_until(self.clock, is_sent), start)

    def events(self, invitation: Invitation, *names: str) -> list[dict[str, object]]:
        """The events of these names, or all, without the stamp."""
        wanted = [
            event.as_dict()
            for event in invitation.events
            if not names or event.body.event in names
        ]
        for event in wanted:
            for key in ("time", "call_id", "from_tag"):
                del event[key]
        return wanted

    def methods(self, phone: Phone) -> list[str]:
        """The methods of all requests that reached a phone, in order."""
        return [request.method for request in phone.requests()]

    def settle(self) -> None:
        """Let everything end by itself, and look that nothing is left."""
        self.network.settle(2_000)
        self.assertEqual(self.inviter.invitations, [])
        self.assertEqual(self.inviter.remains, [])
        self.assertEqual(len(self.endpoint._transactions), 0)
        self.assertEqual(
            (self.endpoint._clients, self.endpoint._intake.servers), ({}, {})
        )
        self.assertEqual(self.endpoint._waiting_on, {})
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.endpoint.counters["internal-errors"], 0)
        self.media.check()
        open_sessions = [s.branch for s in self.media.sessions if not s.is_closed]
        self.assertEqual(open_sessions, [])
        for phone in self.phones:
            self.assertEqual(phone.complaints, [], phone.name)
            self.assertTrue(phone.is_idle, f"{phone.name} is in a call with nobody")
        self.assertEqual(self.flushLoggedErrors(), [])


class Listener(InviteDelegate):
    """A delegate that writes down which methods were called."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def trying(self, response: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("trying")

    def progress(self, response: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("progress")

    def early_media(self, to_tag: str) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("early_media")

    def forked(self, event: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("forked")

    def accept(self, session: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("accept")

    def redirect(self, response: object, contacts: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("redirect")

    def reject(self, error: object) -> None:
        """See `IInviteDelegate`."""
        self.heard.append("reject")
