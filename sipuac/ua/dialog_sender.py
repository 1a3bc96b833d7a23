"""Sends the ACKs and the re-INVITEs in the dialogs of one INVITE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipuac.dialog import effects
from sipuac.dialog.events import ProtocolWarning
from sipuac.errors import Unreachable
from sipuac.syntax.message import Request, Response
from sipuac.ua.authenticator import Authenticator, Row, with_credentials
from sipuac.ua.call_report import CallReport
from sipuac.ua.challenge_reading import AUTHORIZATION, PROXY_AUTHORIZATION
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.reinvite import ReInvite


class DialogSender:
    """The ACKs and re-INVITEs of one INVITE's dialogs.

    Args:
        endpoint: Carries them.
        flows: The ways of the dialogs.
        authenticator: Answers challenges; None for nobody.
        reporter: Told of what could not be sent.
        responded: Called with the number of a re-INVITE and each response to it.
        again: Called with its number, the request and the credentials that it is to be
            sent again with.
        failed: Called with its number and why it has no response.
    """

    __slots__ = (
        "_again",
        "_authenticator",
        "_credentials",
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
        authenticator: Authenticator | None,
        reporter: CallReport,
        *,
        responded: Callable[[int, Response], None],
        again: Callable[[int, Request, Sequence[Row]], None],
        failed: Callable[[int, Unreachable], None],
    ) -> None:
        self._endpoint = endpoint
        self._flows = flows
        self._authenticator = authenticator
        self._reporter = reporter
        self._responded = responded
        self._again = again
        self._failed = failed
        self._reinvites: dict[int, ReInvite] = {}
        # Of re-INVITEs without ACK, by branch and CSeq number.
        self._credentials: dict[tuple[str, int], list[Row]] = {}

    # ACKs

    def send_ack(self, effect: effects.SendAck) -> None:
        """Send an ACK, and keep it."""
        ack, cseq = effect.ack, effect.cseq
        if cseq is not None:
            # RFC 3261 13.2.2.4: "The ACK MUST contain the same credentials as the
            # INVITE."
            ack = ack.with_headers(self._credentials.pop((effect.branch, cseq), []))
        self._flows.send_ack(
            effect.branch, ack, effect.next_hop, self._ack_refused, cseq=cseq
        )

    def repeat_ack(self, effect: effects.RepeatAck) -> None:
        """Send that ACK again."""
        self._flows.repeat_ack(effect.branch, self._ack_refused, cseq=effect.cseq)

    def forget_ack(self, effect: effects.ForgetAck) -> None:
        """Its 2xx will not come again."""
        self._flows.forget_ack(effect.branch, effect.cseq)

    def _ack_refused(self, error: Unreachable) -> None:
        self._endpoint.counters["acks-undeliverable"] += 1
        self._reporter.report(ProtocolWarning(f"the ACK could not be sent: {error}"))

    # Re-INVITEs

    def send_reinvite(self, effect: effects.SendReInvite) -> None:
        """Send a re-INVITE, perhaps once more."""
        request = effect.request
        rows = _credentials_of(request)
        if self._authenticator is not None and not rows:
            request = with_credentials(request, self._authenticator.preemptive(request))
            rows = _credentials_of(request)
        self._credentials[effect.branch, request.cseq.number] = rows
        reinvite = ReInvite(
            self._endpoint, self._authenticator, effect.number, request, self
        )
        self._reinvites[effect.number] = reinvite

        def refused(error: Unreachable) -> None:
            message = f"INVITE could not be sent: {error}"
            self._reporter.report(ProtocolWarning(message))
            reinvite.not_sent(error)

        self._flows.send(effect.branch, effect.next_hop, reinvite.send, refused)

    def cancel_reinvite(self, effect: effects.CancelReInvite) -> None:
        """Send the CANCEL of a re-INVITE."""
        reinvite = self._reinvites.get(effect.number)
        if reinvite is not None:
            reinvite.cancel()

    def abandon_reinvite(self, effect: effects.AbandonReInvite) -> None:
        """Hear no more of a re-INVITE."""
        reinvite = self._reinvites.pop(effect.number, None)
        if reinvite is not None:
            reinvite.abandon()

    def responded(self, reinvite: ReInvite, response: Response) -> None:
        """See `ReInviteUser`."""
        self._responded(reinvite.number, response)

    def challenged(self, reinvite: ReInvite, rows: list[Row]) -> None:
        """See `ReInviteUser`."""
        if self._reinvites.get(reinvite.number) is reinvite:
            self._again(reinvite.number, reinvite.request, rows)
            self.over(reinvite)

    def failed(self, reinvite: ReInvite, error: Unreachable) -> None:
        """See `ReInviteUser`."""
        self._failed(reinvite.number, error)

    def over(self, reinvite: ReInvite) -> None:
        """See `ReInviteUser`."""
        if self._reinvites.get(reinvite.number) is reinvite:
            del self._reinvites[reinvite.number]

    def stop(self) -> None:
        """Send nothing more, and hear no more."""
        self._flows.stop()
        for reinvite in self._reinvites.values():
            reinvite.abandon()
        self._reinvites.clear()
        self._credentials.clear()


def _credentials_of(request: Request) -> list[Row]:
    return [
        (name, value)
        for name in (AUTHORIZATION, PROXY_AUTHORIZATION)
        for value in request.get_all(name)
    ]
