"""Media is used as its interface says: one answer at a time."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import Invariant, Report, View
from sipuac.testing.simulation.user import User


class Media(Invariant):
    """`ScriptedMedia` watches how it is used; here its complaints are heard.

    Beside that: media that cannot fork its offer has one session with an answer, and a
    session that stands has the description of its own callee.
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
            self._look_at_sessions(user)

    def _look_at_sessions(self, user: User) -> None:
        """Each session has the description of its own callee.

        Phones write their name into their tags and into their descriptions.
        """
        call = user.invitation
        for tag, session in () if call is None else call.sessions.items():
            phone = tag.rpartition("-")[0].partition("-")[0]
            is_hidden = tag in self.view.hidden.values() or not phone
            described = f"o={phone}" in session.remote_sdp
            self.need(is_hidden or described, f"{tag} has the media of another phone")

    def ended(self) -> None:
        """See `Watcher`."""
        self.stepped()
        for user in self.view.users:
            still_open = [session.branch for session in user.media.open_sessions]
            self.need(not still_open, f"media was never closed: {still_open}")
