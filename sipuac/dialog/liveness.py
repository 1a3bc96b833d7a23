"""Does the media dialog live? Who waits for the answer, and how it is found.

Serial hunting looks like a fork: a proxy that gives up on the first phone and tries the
second may say nothing about the first. So before an extra that came after the media
dialog is ended, the media dialog is probed, and the newcomer is held.
"""

from __future__ import annotations

from enum import Enum

from sipuac.dialog.branch import Branch
from sipuac.dialog.events import Probe
from sipuac.dialog.fork_policy import Action
from sipuac.dialog.outbox import Outbox
from sipuac.dialog.requests import Requests
from sipuac.dialog.timers import DialogTimer
from sipuac.errors import TransactionTimeout, Unreachable
from sipuac.syntax.message import Response


class Verdict(str, Enum):
    """What a probe has found; the values are those of the event `probe`."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Vigil:
    """The watch over one media dialog, and the newcomers that wait for its end.

    Attributes:
        held: What is to be done about each newcomer, by its To tag, if the media dialog
            lives.
    """

    __slots__ = ("_hold", "_number", "_outbox", "_requests", "_was_answered", "held")

    def __init__(self, outbox: Outbox, requests: Requests, hold: float) -> None:
        """Args: `hold`: how long a newcomer waits at most, in seconds."""
        self.held: dict[str, Action] = {}
        self._outbox = outbox
        self._requests = requests
        self._hold = hold
        self._number = 0
        self._was_answered = False

    def hold(self, newcomer: Branch, action: Action, media: Branch) -> None:
        """Do this about a newcomer, but not before the media dialog is seen to live."""
        is_first = not self.held
        self.held[newcomer.tag] = action
        newcomer.fate = "held until the media dialog is known to live"
        if is_first:
            self._outbox.start_timer(DialogTimer.HOLD, self._hold)
            self.ask(media)

    def ask(self, media: Branch) -> None:
        """Probe it: UPDATE without a body where its Allow has that, else OPTIONS.

        A probe that is under way is waited for. Where there is no target none can be
        sent, and at the hold limit that counts as silence.
        """
        if self._number or media.dialog.remote_target is None or not media.is_early:
            return
        self._was_answered = False
        method = _probe_of(media)
        self._number = self._requests.send(
            media, method, has_contact=method == "UPDATE"
        )

    def probe_finished(
        self, media: Branch, number: int, method: str, result: Response | Unreachable
    ) -> Verdict:
        """The media dialog answered the probe, or did not.

        481, 408 and timer F: dead. 200 to UPDATE: alive. Anything else proves nothing.
        """
        if number != self._number:
            return Verdict.UNKNOWN
        self._number = 0
        verdict = _verdict(method, result)
        self._was_answered = isinstance(result, Response)
        self._outbox.report(Probe(media.tag, method, verdict.value))
        return verdict

    def limit_reached(self, media: Branch) -> Verdict:
        """The hold is over: any other answer counts as alive now, silence as dead."""
        if not self.held:
            return Verdict.UNKNOWN
        if self._was_answered:
            return Verdict.ALIVE
        self._number = 0
        if media.dialog.remote_target is None:
            message = "cannot be asked whether it lives, as it sent no Contact"
            self._outbox.warn(f"{message}: counts as dead", media.tag)
        else:
            result = Verdict.DEAD.value
            self._outbox.report(Probe(media.tag, _probe_of(media), result))
        return Verdict.DEAD

    def drop(self, newcomer: Branch) -> None:
        """This newcomer waits no more."""
        if self.held.pop(newcomer.tag, None) is not None and not self.held:
            self._outbox.stop_timer(DialogTimer.HOLD)

    def released(self) -> dict[str, Action]:
        """All newcomers that waited; nobody waits any more."""
        held = self.held
        self.held = {}
        self._outbox.stop_timer(DialogTimer.HOLD)
        return held

    def stop(self) -> dict[str, Action]:
        """Watch this dialog no more; a probe that is under way means nothing.

        Returns:
            All newcomers that waited.
        """
        self._number = 0
        self._was_answered = False
        return self.released()


def _probe_of(media: Branch) -> str:
    return "UPDATE" if media.allows_update else "OPTIONS"


def _verdict(method: str, result: Response | Unreachable) -> Verdict:
    if isinstance(result, TransactionTimeout):
        return Verdict.DEAD
    if not isinstance(result, Response):
        return Verdict.UNKNOWN
    if result.status in (408, 481):
        return Verdict.DEAD
    if method == "UPDATE" and result.is_success:
        return Verdict.ALIVE
    return Verdict.UNKNOWN
