"""Who is told what: users of transactions, handlers of requests, delegates of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import Interface, implementer

if TYPE_CHECKING:
    from sipuac.errors import CallFailed, SipError, Unreachable
    from sipuac.syntax.message import Request, Response
    from sipuac.transport.interfaces import IFlow
    from sipuac.ua.dialog_set_driver import DialogSetDriver
    from sipuac.ua.endpoint import ServerTransaction
    from sipuac.ua.events import CallEvent
    from sipuac.ua.session import Session


class IClientTransactionUser(Interface):
    """The user of a client transaction (RFC 3261 section 17)."""

    def response_received(response: Response) -> None:
        """A response that the transaction passes up."""

    def transaction_failed(error: Unreachable) -> None:
        """No response will come: `TransactionTimeout` or `TransportFailed`."""

    def transaction_terminated() -> None:
        """The transaction is gone: the last that is heard of it."""


class IDialogSetUser(Interface):
    """The user of one INVITE of ours and its dialogs."""

    def call_taken(response: Response) -> None:
        """This 2xx is the one whose call is taken."""

    def call_stands(session: Session) -> None:
        """The call, or a further one, stands."""

    def invite_failed(
        attempt: DialogSetDriver, error: SipError, response: Response | None
    ) -> None:
        """No call comes of it.

        Args:
            attempt: The one that says so.
            error: Why.
            response: The final response that says so; None where none came.
        """

    def invite_resolved(attempt: DialogSetDriver) -> None:
        """Every branch that is known has met its fate, for now."""

    def invite_left(attempt: DialogSetDriver, seconds: float) -> None:
        """All its calls are over, and it does nothing more; the last that is heard.

        What may still come is for its `remains`.

        Args:
            attempt: The one that says so.
            seconds: How long a 2xx may still come.
        """

    def invite_forgotten(attempt: DialogSetDriver) -> None:
        """Nothing more is expected of it: the last that is heard."""


class IRequestHandler(Interface):
    """What answers requests of others; the endpoint asks its handlers in turn."""

    def knows(request: Request) -> bool:
        """Whether this belongs to something of the handler's own, as to a call.

        Asked first and answered quickly; what no handler knows is limited by source.
        """

    def request_received(
        request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        """A new request.

        Args:
            request: Not a retransmission; those the transaction answers by itself.
            transaction: What to answer with; None for an ACK, which gets no answer.
            flow: Where it came from.

        Returns:
            True if it was this handler's and has been or will be answered.
        """


class IInviteDelegate(Interface):
    """What an application hears of one call, in the order in which it happens.

    An exception in a method is logged, and the call goes on.
    """

    def event(event: CallEvent) -> None:
        """Anything happened; every other method has such an event before it."""

    def trying(response: Response) -> None:
        """The next hop has the INVITE."""

    def progress(response: Response) -> None:
        """A provisional response 101 to 199."""

    def early_media(to_tag: str) -> None:
        """Media runs with this branch before anybody answered."""

    def forked(event: CallEvent) -> None:
        """The INVITE forked; the body is a `Forked`."""

    def accept(session: Session) -> None:
        """A call stands; called again for each further one under `keep-all`."""

    def modified(session: Session, event: CallEvent) -> None:
        """A call that stands has other descriptions; the body is `SessionModified`."""

    def request_received(session: Session | None, request: Request) -> None:
        """An INFO, MESSAGE or NOTIFY of a callee, which is answered with 200.

        Args:
            session: The call that it came in; None in a dialog without one.
            request: The request.
        """

    def redirect(response: Response, contacts: tuple[str, ...]) -> None:
        """A 3xx came."""

    def reject(error: CallFailed) -> None:
        """The call failed."""


@implementer(IInviteDelegate)
class InviteDelegate:
    """A delegate that does nothing: subclass it and override what matters."""

    def event(self, event: CallEvent) -> None:
        """See `IInviteDelegate`."""

    def trying(self, response: Response) -> None:
        """See `IInviteDelegate`."""

    def progress(self, response: Response) -> None:
        """See `IInviteDelegate`."""

    def early_media(self, to_tag: str) -> None:
        """See `IInviteDelegate`."""

    def forked(self, event: CallEvent) -> None:
        """See `IInviteDelegate`."""

    def accept(self, session: Session) -> None:
        """See `IInviteDelegate`."""

    def modified(self, session: Session, event: CallEvent) -> None:
        """See `IInviteDelegate`."""

    def request_received(self, session: Session | None, request: Request) -> None:
        """See `IInviteDelegate`."""

    def redirect(self, response: Response, contacts: tuple[str, ...]) -> None:
        """See `IInviteDelegate`."""

    def reject(self, error: CallFailed) -> None:
        """See `IInviteDelegate`."""
