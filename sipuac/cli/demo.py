"""`sipuac demo`: a forked call with early media, through embedded peers.

It uses what every user has, `InviterService` and `sipuac.testing`, over real sockets on
loopback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, TextIO

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import deferLater

from sipuac.cli.status import OTHER_FAILURE, SIGNAL, exit_status
from sipuac.dialog.events import Ended, ExtraEnded, Failed, Forked
from sipuac.errors import SipError
from sipuac.media.static import StaticMedia
from sipuac.service.inviter_service import InviterService
from sipuac.syntax.message import Request
from sipuac.testing.demo import DemoPeers
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import InviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.ladder import branch_letters, branch_names, draw_ladder
from sipuac.ua.legend import draw_legend
from sipuac.ua.trace import Trace

CALLER = "sip:alice@127.0.0.1"

TALK = 1.0
"""Seconds that the call stands before it is hung up."""

LONGEST = 60.0
"""Seconds after which a demonstration that does not end is given up."""

_STORY = """\
One INVITE goes to a proxy that forks it to three phones. The desk and the mobile both
send early media, of which our media can take one; the third phone keeps silent and
answers in the same instant as the desk.

"""

_OFFERLESS_STORY = """\
One INVITE without an offer goes to a proxy that forks it to three phones. The desk and
the mobile both make an offer in a reliable response, and each gets media of its own and
its answer in its PRACK; the third phone keeps silent and answers in the same instant as
the desk.

"""


class _Watcher(InviteDelegate):
    """Keeps the events of the call."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []

    def event(self, event: CallEvent) -> None:
        """See `IInviteDelegate`."""
        self.events.append(event)


class Demo:
    """One demonstration.

    Args:
        reactor: Opens sockets on loopback; Any, as it provides many interfaces.
        stdout: Where it is shown.
        is_offerless: Whether the phones make the offers.
    """

    def __init__(
        self, reactor: Any, stdout: TextIO, *, is_offerless: bool = False
    ) -> None:
        self._reactor = reactor
        self._stdout = stdout
        self._is_offerless = is_offerless
        self._peers = DemoPeers(reactor, is_offerless=is_offerless)
        self._trace = Trace()
        self._watcher = _Watcher()
        self._running: Deferred[int] | None = None
        self._invitation: Invitation | None = None
        self._signal: int | None = None
        self._pause: Deferred[None] | None = None

    def interrupt(self, number: int) -> None:
        """A signal came: hang up; a second one leaves at once."""
        if self._signal is not None and self._running is not None:
            self._running.cancel()
            return
        self._signal = number
        if self._invitation is not None:
            self._invitation.cancel()
        if self._pause is not None:
            self._pause.cancel()

    def run(self) -> Deferred[int]:
        """Place the call, draw it, and end; fires with the exit status."""
        running = self._running = Deferred.fromCoroutine(self._run())
        running.addTimeout(LONGEST, self._reactor)
        return running

    async def _run(self) -> int:
        self._peers.add_tracer(self._trace)
        await self._peers.start()
        try:
            await self._call()
        except CancelledError:
            return OTHER_FAILURE if self._signal is None else SIGNAL + self._signal
        finally:
            await self._peers.stop()
        return self._report()

    async def _call(self) -> None:
        """The call, from the INVITE until every branch is resolved."""
        service = InviterService(
            CALLER,
            self._peers.proxy_uri,
            reactor=self._reactor,
            bind="127.0.0.1",
            media=StaticMedia(kind="single-answer"),
        )
        service.startService()
        try:
            if service.endpoint is not None:
                service.endpoint.add_tracer(self._trace)
            story = _OFFERLESS_STORY if self._is_offerless else _STORY
            self._stdout.write(story)
            self._stdout.flush()
            await self._talk(service)
        finally:
            await maybeDeferred(service.stopService)

    async def _talk(self, service: InviterService) -> None:
        """Call, wait for the answer, talk, hang up, and wait for the last branch."""
        invitation = self._invitation = await service.invite(
            self._peers.target_uri,
            early_media=not self._is_offerless,
            without_sdp=self._is_offerless,
            delegate=self._watcher,
        )
        if self._signal is not None:
            invitation.cancel()
        try:
            session = await invitation.established
        except SipError:
            # The events tell of it, and the report is made of them.
            await invitation.done
            return
        self._pause = deferLater(self._reactor, TALK)
        try:
            await self._pause
        except CancelledError:
            if self._signal is None:
                raise
        await session.bye()
        await invitation.done

    def _report(self) -> int:
        """Draw what was seen; the exit status."""
        events = self._watcher.events
        names = self._peers.participants
        seen = self._trace.of_call(events[0].call_id) if events else []
        letters = branch_letters(seen, events)
        phones = branch_names(seen, names)
        ladder = draw_ladder(seen, names=names, events=events)
        legend = draw_legend(events, letters, names=phones)
        by_proxy = {
            names.get(entry.destination, "")
            for entry in seen
            if isinstance(entry.message, Request) and entry.message.method == "CANCEL"
        }
        cancelled = _cancelled(events, letters, phones, by_proxy)
        self._stdout.write(f"{ladder}\n{legend}\n{cancelled}")
        self._stdout.flush()
        if self._signal is not None:
            return SIGNAL + self._signal
        ends = [
            event.body for event in events if isinstance(event.body, Ended | Failed)
        ]
        return exit_status(ends[-1]) if ends else OTHER_FAILURE


def _cancelled(
    events: Sequence[CallEvent],
    letters: Mapping[str, str],
    phones: Mapping[str, str],
    cancelled_phones: Set[str],
) -> str:
    """Which forks were ended, and how, a line each."""
    released = {
        event.body.to_tag
        for event in events
        if isinstance(event.body, Forked) and event.body.action == "release"
    }
    lines = []
    for event in events:
        body = event.body
        if not isinstance(body, ExtraEnded):
            continue
        phone = phones.get(body.to_tag, "a phone")
        how = "by BYE on its early dialog"
        if body.to_tag in released:
            how = "by ACK and BYE"
            if phone in cancelled_phones:
                how += ": its 200 had crossed the proxy's CANCEL"
        lines.append(f"  {letters.get(body.to_tag, '?')}  {phone}, {how}\n")
    return f"Cancelled:\n{''.join(lines)}" if lines else "Nothing was cancelled.\n"
