"""What is left of an INVITE when all its calls are over.

For 64*T1 after its first final response a 2xx may still come: again, and then its ACK
is sent again, or of a fork that nobody knew, and then that gets its ACK and a BYE (RFC
3261 section 13.2.2.4). At a hundred calls a second thousands of calls wait for that at
any time. So the call itself goes as soon as it is over, and this little stays; where a
fork does answer late, a driver for its dialog is made from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import ref

from zope.interface import implementer

from sipuac.dialog.events import ProtocolWarning
from sipuac.dialog.options import InviteOptions
from sipuac.errors import SipError, Unreachable
from sipuac.media.nothing import NO_MEDIA
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.attempts import NextAttempt
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.call_report import CallReport
from sipuac.ua.dialog_flows import DialogFlows
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.interfaces import IClientTransactionUser, IDialogSetUser
from sipuac.ua.invite_request import is_secure_call, next_hop
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.sent_invite import is_answered_by

if TYPE_CHECKING:
    from sipuac.ua.dialog_set_driver import DialogSetDriver
    from sipuac.ua.invitation import Invitation
    from sipuac.ua.session import Session


class Keeper(Protocol):
    """Who has all calls, and what is left of them, by their Call-IDs."""

    def keep(self, invitation: Invitation) -> None:
        """Hand it what comes for this call from now on."""

    def forget(self, invitation: Invitation) -> None:
        """Nothing more is expected of this call."""

    def keep_remains(self, remains: Remains) -> None:
        """Hand it what comes for this INVITE from now on."""

    def forget_remains(self, remains: Remains) -> None:
        """Nothing more is expected of this INVITE."""


@implementer(IClientTransactionUser, IDialogSetUser)
class Remains:
    """What is left of one INVITE.

    Args:
        endpoint: Carries what has to be sent.
        invite: The INVITE as it was sent.
        flow: Where it went.
        options: What was asked of it.
        left_by: Who had it. Where the application holds that call still, it sees what
            happens.
        authenticator: Answers challenges; None for nobody.
        flows: The ways of its dialogs, with the ACKs that were sent.
        seconds: How long a 2xx may still come.
        keeper: Told when nothing more is expected.

    Attributes:
        call_id: The Call-ID.
    """

    __slots__ = (
        "_authenticator",
        "_driver",
        "_endpoint",
        "_flow",
        "_flows",
        "_identity",
        "_invite",
        "_is_over",
        "_keeper",
        "_left_by",
        "_options",
        "_timer",
        "call_id",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        invite: Request,
        flow: IFlow,
        options: InviteOptions,
        left_by: DialogSetDriver,
        authenticator: Authenticator | None,
        flows: DialogFlows,
        seconds: float,
        keeper: Keeper,
    ) -> None:
        self.call_id = invite.call_id
        self._endpoint = endpoint
        self._invite = invite
        self._flow = flow
        self._options = options
        self._left_by = ref(left_by)
        self._identity = left_by.reporter.for_remains()
        self._authenticator = authenticator
        self._flows = flows
        self._keeper = keeper
        self._driver: DialogSetDriver | None = None
        self._is_over = False
        self._timer = endpoint.start_timer(seconds, self._time_is_over)

    # For the keeper

    def stray_success(self, response: Response) -> bool:
        """A 2xx came that no transaction passes up any more.

        Returns:
            Whether it answers this INVITE.

        Raises:
            ParseError: Its Via cannot be read.
        """
        if not is_answered_by(self._invite, response):
            return False
        self.response_received(response)
        return True

    def request_received(
        self, request: Request, transaction: ServerTransaction | None
    ) -> bool:
        """A request with this Call-ID came; whether it is of a dialog that is left."""
        driver = self._driver
        if driver is None or not driver.has_branch(request.from_tag or ""):
            return False
        driver.request_received(request, transaction)
        return True

    def stop(self) -> None:
        """The endpoint is going: free everything, send nothing."""
        self._timer.stop()
        self._is_over = True
        if self._driver is not None:
            self._driver.stop()
        self._flows.stop()
        self._keeper.forget_remains(self)

    # From the INVITE transaction

    def response_received(self, response: Response) -> None:
        """See `IClientTransactionUser`."""
        if not response.is_success:
            return
        tag = response.to_tag or ""
        if self._flows.has_ack(tag):
            self._flows.repeat_ack(tag, self._ack_refused)
        elif not self._is_over:
            if not self._flows.has_acks:
                # "64*T1 seconds after the reception of the first 2xx response" begin
                # now: it had failed before.
                self._timer.stop()
                self._timer = self._endpoint.start_timer(
                    self._options.linger, self._time_is_over
                )
            driver = self._driver or self._wake()
            driver.late_success(response)

    def transaction_failed(self, error: Unreachable) -> None:
        """See `IClientTransactionUser`."""

    def transaction_terminated(self) -> None:
        """See `IClientTransactionUser`."""

    def _ack_refused(self, error: Unreachable) -> None:
        self._endpoint.counters["acks-undeliverable"] += 1
        self._reporter.report(ProtocolWarning(f"the ACK could not be sent: {error}"))

    @property
    def _reporter(self) -> CallReport:
        left_by = self._left_by()
        return self._identity if left_by is None else left_by.reporter

    # A fork that nobody knew

    def _wake(self) -> DialogSetDriver:
        from sipuac.ua.dialog_set_driver import DialogSetDriver

        invite = self._invite
        hop, is_secure = next_hop(invite), is_secure_call(invite)
        servers = self._endpoint.servers.candidates(hop, is_secure=is_secure)
        driver = self._driver = DialogSetDriver(
            self._endpoint,
            NextAttempt(invite, self._flow, servers),
            self._options,
            MediaOpener(None, NO_MEDIA),
            ((), ()),
            self._reporter,
            self._authenticator,
            self,
            late_flows=self._flows,
        )
        left_by = self._left_by()
        if left_by is not None:
            left_by.late = driver
        return driver

    def call_taken(self, response: Response) -> None:
        """See `IDialogSetUser`; no call is wanted any more."""

    def call_stands(self, session: Session) -> None:
        """See `IDialogSetUser`; no call is wanted any more."""

    def invite_failed(
        self, attempt: DialogSetDriver, error: SipError, response: Response | None
    ) -> None:
        """See `IDialogSetUser`; it has ended before."""

    def invite_resolved(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""

    def invite_left(self, attempt: DialogSetDriver, seconds: float) -> None:
        """See `IDialogSetUser`; what is left of it is here."""
        self._driver = None
        if self._is_over:
            self._finish()

    def invite_forgotten(self, attempt: DialogSetDriver) -> None:
        """See `IDialogSetUser`."""
        self.invite_left(attempt, 0.0)

    # The end

    def _time_is_over(self) -> None:
        """No new 2xx can come; a dialog that is being ended may take its time."""
        self._is_over = True
        if self._driver is None:
            self._finish()

    def _finish(self) -> None:
        self._flows.finish()
        self._keeper.forget_remains(self)
