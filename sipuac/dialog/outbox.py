"""What the dialogs of one INVITE have asked for since they were last told something.

The parts of a dialog set put their effects here, in order; `DialogSet` hands the whole
list out at the end of each event. Timers are kept count of, so that none is stopped
that does not run and none is left running.
"""

from __future__ import annotations

from sipuac.dialog.effects import Effect, Report
from sipuac.dialog.events import Event, ProtocolWarning
from sipuac.effects import StartTimer, StopTimer


class Outbox:
    """Effects that wait to be handed out, and the timers that run."""

    __slots__ = ("_effects", "_running")

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        # Hardly ever more than three; an empty set takes 216 octets.
        self._running: list[str] = []

    def emit(self, effect: Effect) -> None:
        """Ask for this after what was asked for before."""
        self._effects.append(effect)

    def report(self, event: Event) -> None:
        """Tell the observers."""
        self._effects.append(Report(event))

    def warn(self, message: str, to_tag: str | None = None) -> None:
        """Tell the observers that something is odd, and can be lived with."""
        self._effects.append(Report(ProtocolWarning(message, to_tag)))

    def start_timer(self, timer: str, seconds: float) -> None:
        """Start a timer; one of its kind that runs is replaced."""
        if timer not in self._running:
            self._running.append(timer)
        self._effects.append(StartTimer(timer, seconds))

    def stop_timer(self, timer: str) -> None:
        """Stop a timer, if it runs."""
        if timer in self._running:
            self._running.remove(timer)
            self._effects.append(StopTimer(timer))

    def timer_fired(self, timer: str) -> bool:
        """A timer has run out.

        Returns:
            Whether it was still running; one that was stopped means nothing any more.
        """
        was_running = timer in self._running
        if was_running:
            self._running.remove(timer)
        return was_running

    def taken_out(self) -> list[Effect]:
        """All effects that wait, oldest first; they wait no more."""
        effects = self._effects
        self._effects = []
        return effects
