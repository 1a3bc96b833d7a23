"""Media is used as its interface says: one answer at a time."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View


class Media(Invariant):
    """`ScriptedMedia` watches how it is used; here its complaints are heard.

    Beside that: media that cannot fork its offer has one session with an answer.
    """

    watches_steps = True

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._looked_at = [0 for _ in self.view.users]

    def stepped(self) -> None:
        """See `Invariant`."""
        for index, user in enumerate(self.view.users):
            media = user.media
            if len(media.calls) == self._looked_at[index]:
                continue
            self._looked_at[index] = len(media.calls)
            for fault in media.violations:
                self.need(False, fault)
            if not media.can_fork_offer:
                running = [
                    session.branch
                    for session in media.sessions
                    if session.is_running and session.offer is not None
                ]
                self.need(len(running) < 2, f"several have the media: {running}")

    def ended(self) -> None:
        """See `Watcher`."""
        self.stepped()
        for user in self.view.users:
            still_open = [session.branch for session in user.media.open_sessions]
            self.need(not still_open, f"media was never closed: {still_open}")
