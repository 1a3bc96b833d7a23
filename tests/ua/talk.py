"""A call through the proxy that stands, for the tests of what changes it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import SessionNotModified
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request
from sipuac.testing.phone import Phone
from sipuac.testing.phone_dialog import PhoneDialog
from sipuac.testing.script import Script, answer, ask
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session
from tests.ua.world import CallTestCase


class TalkListener(InviteDelegate):
    """Writes down what it hears of changes and requests."""

    def __init__(self) -> None:
        self.modified_by: list[str] = []
        self.requests: list[tuple[Session | None, str, bytes]] = []

    def modified(self, session: Session, event: Any) -> None:
        """See `IInviteDelegate`."""
        self.modified_by.append(event.body.by)

    def request_received(self, session: Session | None, request: Request) -> None:
        """See `IInviteDelegate`."""
        self.requests.append((session, request.method, request.body))


def directions(text: str) -> list[str]:
    """What each stream of a description does."""
    media = SessionDescription.parse(text).media
    return [stream.direction.value for stream in media]


class TalkCase(CallTestCase):
    """Tests of a call with the desk.

    Attributes:
        desk: The phone.
        call, session: The call.
        listener: The delegate.
    """

    desk: Phone
    call: Invitation
    session: Session
    listener: TalkListener

    def talk(self, script: Script | None = None, **options: Any) -> None:
        """Call the desk, which answers at once."""
        self.desk = self.phone("desk", script=script or Script(answer(0.1)))
        self.ring()
        self.listener = TalkListener()
        self.call = self.invite(delegate=self.listener, **options)
        self.advance(0.5)
        self.session = self.successResultOf(self.call.established)

    @property
    def dialog(self) -> PhoneDialog:
        """The desk's side of it."""
        return self.desk.dialogs[0]

    def desk_asks(self, method: str, **how: Any) -> None:
        """The desk sends a request now."""
        self.dialog.ask(ask(0.0, method, **how))

    def done(self, waiting: Deferred[None], seconds: float = 0.5) -> None:
        """It succeeds within so many seconds."""
        self.advance(seconds)
        self.assertIsNone(self.successResultOf(waiting))

    def refused(
        self, waiting: Deferred[None], seconds: float = 0.5
    ) -> SessionNotModified:
        """It fails within so many seconds."""
        self.advance(seconds)
        error = self.failureResultOf(waiting, SessionNotModified).value
        assert isinstance(error, SessionNotModified)
        return error

    def hang_up(self) -> None:
        """End the call, and look that nothing is left."""
        over = self.session.bye()
        self.advance(1)
        self.assertEqual(self.successResultOf(over).by, "local")
        self.settle()

    def names(self, *names: str) -> list[object]:
        """Who changed or refreshed the call, event by event."""
        wanted = names or ("session-modified", "session-refreshed")
        return [event["by"] for event in self.events(self.call, *wanted)]
