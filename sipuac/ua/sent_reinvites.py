"""The re-INVITEs of ours inside the dialogs of one INVITE, at work."""

from __future__ import annotations

from collections.abc import Callable

from sipuac.dialog import effects
from sipuac.dialog.events import ProtocolWarning
from sipuac.errors import Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.ua.call_report import CallReport
from sipuac.ua.challenges import Challenges, credentials_of
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.dialog_requests import Again
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.reinvite import ReInvite


class SentReInvites:
    """The re-INVITEs in the dialogs of one INVITE, over their flows.

    Args:
        endpoint: Carries it.
        flows: The ways of the dialogs.
        reporter: Told of what could not be sent.
        challenges: Answers what challenges the re-INVITEs.
        responded: Called with the number of a re-INVITE and each response to it that is
            not dealt with here.
        again: Called with the number of a re-INVITE, the re-INVITE and the credentials
            that it is to be sent again with.
        failed: Called with the number of a re-INVITE and why it has no response.
    """

    __slots__ = (
        "_again",
        "_challenges",
        "_endpoint",
        "_failed",
        "_flows",
        "_reinvites",
        "_reporter",
        "_responded",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        flows: DialogFlows,
        reporter: CallReport,
        challenges: Challenges,
        *,
        responded: Callable[[int, Response], None],
        again: Again,
        failed: Callable[[int, Unreachable], None],
    ) -> None:
        self._endpoint = endpoint
        self._flows = flows
        self._reporter = reporter
        self._challenges = challenges
        self._responded = responded
        self._again = again
        self._failed = failed
        self._reinvites: dict[int, ReInvite] = {}

    def authorized_ack(self, effect: effects.SendAck) -> Request:
        """The ACK of a re-INVITE's 2xx, with the credentials of that re-INVITE."""
        ack = effect.ack
        for reinvite in self._reinvites.values():
            if reinvite.is_acknowledged_by(effect.branch, effect.cseq):
                ack = ack.with_headers(credentials_of(reinvite.request))
        return ack

    def _warn(self, method: str, error: Unreachable) -> None:
        self._reporter.report(ProtocolWarning(f"{method} could not be sent: {error}"))

    def send(self, effect: effects.SendReInvite) -> None:
        """Send a re-INVITE, or send one again that was challenged."""
        number = effect.number
        request = self._challenges.authorized(effect.request)

        def responded(response: Response) -> None:
            if not response.is_final or reinvite.is_cancelled:
                self._responded(number, response)
                return
            reinvite.asked = self._challenges.answer(
                request,
                response,
                lambda rows: self._again(number, request, rows),
                lambda: self._responded(number, response),
            )

        def failed(error: Unreachable) -> None:
            self._failed(number, error)

        def over() -> None:
            # It may have been sent again by now, under the same number.
            if self._reinvites.get(number) is reinvite and not reinvite.is_asking:
                del self._reinvites[number]

        def refused(error: Unreachable) -> None:
            self._warn("INVITE", error)
            reinvite.not_sent(error)

        reinvite = ReInvite(self._endpoint, request, responded, failed, over)
        self._reinvites[number] = reinvite
        self._flows.send(effect.branch, effect.next_hop, reinvite.send, refused)

    def cancel(self, effect: effects.CancelReInvite) -> None:
        """Send the CANCEL of a re-INVITE."""
        reinvite = self._reinvites.get(effect.number)
        if reinvite is not None:
            reinvite.cancel()

    def abandon(self, effect: effects.AbandonReInvite) -> None:
        """Hear no more of a re-INVITE."""
        reinvite = self._reinvites.pop(effect.number, None)
        if reinvite is not None:
            reinvite.abandon()

    def stop(self) -> None:
        """Hear no more."""
        for reinvite in self._reinvites.values():
            reinvite.abandon()
        self._reinvites.clear()
