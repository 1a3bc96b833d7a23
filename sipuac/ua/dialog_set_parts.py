"""What a driver of one INVITE and its dialogs works with, each made when it is needed.

Most calls are never challenged, changed or asked anything; a call that is held has only
what it has needed so far.
"""

from __future__ import annotations

from collections.abc import Sequence

from sipuac.dialog import effects
from sipuac.dialog.events import ProtocolWarning
from sipuac.errors import SessionNotModified, Unreachable
from sipuac.on_demand import OnDemand
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.call_media import CallMedia
from sipuac.ua.call_report import CallReport
from sipuac.ua.challenges import Challenges
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.dialog_requests import DialogRequests
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.media_work import Modifiers
from sipuac.ua.peer_transactions import PeerTransactions
from sipuac.ua.sent_reinvites import SentReInvites
from sipuac.ua.session_requests import SessionRequests


class DialogSetParts:
    """The parts of a driver; arguments as there.

    Attributes:
        reporter: Told what happens.
        challenges: Answers challenges in the dialogs.
        dialog_requests: Sends requests in them.
        reinvites: Sends re-INVITEs in them.
        media: Has their media sessions.
        asked: What the application waits for.
        peer_transactions: The requests of the callees that wait for answers.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        flows: DialogFlows,
        opener: MediaOpener,
        modifiers: Modifiers,
        reporter: CallReport,
        authenticator: Authenticator | None,
    ) -> None:
        self.reporter = reporter
        self._endpoint = endpoint
        self._flows = flows
        self._opener = opener
        self._modifiers = modifiers
        self._authenticator = authenticator

    def _make_challenges(self) -> Challenges:
        return Challenges(
            self._authenticator,
            self._endpoint.clock,
            self.reporter.report,
            self._endpoint.submit,
        )

    def _make_dialog_requests(self) -> DialogRequests:
        return DialogRequests(
            self._endpoint,
            self._flows,
            self.challenges,
            self.reporter,
            finished=self._request_finished,
            again=self._request_challenged,
        )

    def _make_reinvites(self) -> SentReInvites:
        return SentReInvites(
            self._endpoint,
            self._flows,
            self.reporter,
            self.challenges,
            responded=self._reinvite_responded,
            again=self._request_challenged,
            failed=self._reinvite_failed,
        )

    def _make_media(self) -> CallMedia:
        return CallMedia(self._opener, self._modifiers, self)

    challenges = OnDemand(_make_challenges)
    dialog_requests = OnDemand(_make_dialog_requests)
    reinvites = OnDemand(_make_reinvites)
    media = OnDemand(_make_media)
    asked = OnDemand(lambda driver: SessionRequests())
    peer_transactions = OnDemand(lambda driver: PeerTransactions())

    def stop_parts(self) -> None:
        """Close and free what was made: nothing is to be done any more."""
        kind = DialogSetParts
        challenges = kind.challenges.made(self)
        if challenges is not None:
            challenges.stop()
        reinvites = kind.reinvites.made(self)
        if reinvites is not None:
            reinvites.stop()
        media = kind.media.made(self)
        if media is not None:
            media.close_all()
        peer_transactions = kind.peer_transactions.made(self)
        if peer_transactions is not None:
            peer_transactions.clear()
        asked = kind.asked.made(self)
        if asked is not None:
            asked.fail_all(SessionNotModified("the call is over"))

    def drop_parts(self) -> None:
        """Let go of the parts that lead back here; they are stopped."""
        kind = DialogSetParts
        kind.challenges.drop(self)
        kind.dialog_requests.drop(self)
        kind.reinvites.drop(self)
        kind.media.drop(self)

    # ACKs

    def send_ack(self, effect: effects.SendAck) -> None:
        """Send an ACK, and keep it.

        "The ACK MUST contain the same credentials as the INVITE" (RFC 3261 13.2.2.4);
        those of the initial INVITE are in it already.
        """
        ack = effect.ack
        if effect.cseq is not None:
            ack = self.reinvites.authorized_ack(effect)
        self._flows.send_ack(
            effect.branch, ack, effect.next_hop, self._ack_refused, cseq=effect.cseq
        )

    def repeat_ack(self, effect: effects.RepeatAck) -> None:
        """Send that ACK again."""
        self._flows.repeat_ack(effect.branch, self._ack_refused, cseq=effect.cseq)

    def forget_ack(self, effect: effects.ForgetAck) -> None:
        """That 2xx cannot come again: its ACK is kept no longer."""
        self._flows.forget_ack(effect.branch, effect.cseq)

    def _ack_refused(self, error: Unreachable) -> None:
        self._endpoint.counters["acks-undeliverable"] += 1
        self.reporter.report(ProtocolWarning(f"the ACK could not be sent: {error}"))

    # What the parts tell the driver

    def _request_finished(self, number: int, result: Response | Unreachable) -> None:
        raise NotImplementedError

    def _request_challenged(
        self, number: int, request: Request, credentials: Sequence[tuple[str, str]]
    ) -> None:
        raise NotImplementedError

    def _reinvite_responded(self, number: int, response: Response) -> None:
        raise NotImplementedError

    def _reinvite_failed(self, number: int, error: Unreachable) -> None:
        raise NotImplementedError

    def made(self, branch: str, answer: SessionDescription) -> None:
        """See `MediaUser`."""
        raise NotImplementedError

    def offered(self, branch: str, offer: SessionDescription) -> None:
        """See `MediaUser`."""
        raise NotImplementedError

    def applied(self, branch: str) -> None:
        """See `MediaUser`."""
        raise NotImplementedError

    def refused(self, branch: str, message: str) -> None:
        """See `MediaUser`."""
        raise NotImplementedError
