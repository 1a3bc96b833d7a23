"""From what was asked for to the first INVITE on its way.

The media makes its offer, the next hop is found, and the INVITE is written; until it
has left, cancelling leaves no trace.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac.dialog.options import InviteOptions
from sipuac.dialog.redirection import TargetSet
from sipuac.dialog.retry_rules import (
    FewerExtensions,
    LongerInterval,
    RetryRule,
    SipForTel,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri, Uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.attempts import NextAttempt, RetryStep
from sipuac.ua.authenticator import Authenticator
from sipuac.ua.call_report import CallReport, Observer
from sipuac.ua.credentials import CredentialsSource, no_credentials
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.interfaces import IInviteDelegate
from sipuac.ua.invitation import Invitation
from sipuac.ua.invite_request import Caller, Fields, build_invite
from sipuac.ua.media_opener import MediaOpener
from sipuac.ua.media_work import Modifiers, modified
from sipuac.ua.redirects import RedirectChooser, Redirects
from sipuac.ua.remains import Keeper
from sipuac.ua.retries import Retries, Rules
from sipuac.values import value

_T = TypeVar("_T")


def _result(waiting: Deferred[_T]) -> Generator[Deferred[Any], Any, _T]:
    """What to wait for, without the way through the Deferred where it is there."""
    if waiting.called and not waiting.paused:
        result = waiting.result
        if not isinstance(result, Failure):
            return cast(_T, result)
    return cast(_T, (yield waiting))


@implementer(ILocalOffer)
class ModifiedOffer:
    """An offer as the modifiers left it, over the media's own."""

    __slots__ = ("_offer", "description")

    def __init__(self, offer: ILocalOffer, description: SessionDescription) -> None:
        self._offer = offer
        self.description = description

    def open(self, branch: str) -> IMediaSession:
        """See `ILocalOffer`."""
        return self._offer.open(branch)

    def close(self) -> None:
        """See `ILocalOffer`."""
        self._offer.close()


@value(frozen=True, slots=True)
class Listeners:
    """Who is told of a call.

    Attributes:
        observers: Called with every event.
        delegate: Hears what happens; None for nobody.
        keeper: Has the call from before its INVITE is sent until nothing more is
            expected of it.
    """

    observers: Sequence[Observer]
    delegate: IInviteDelegate | None
    keeper: Keeper


@value(frozen=True, slots=True)
class CallSetup:
    """A call that was asked for and found possible.

    Attributes:
        endpoint: Carries it.
        caller: Who calls.
        target: Who is called.
        fields: Further fields of the INVITE.
        options: What was asked of its dialogs.
        factory: Makes its media.
        modifiers: Applied to our descriptions, and to those of the callees.
        max_redirects: How many redirections are followed.
        choose: Chooses among the targets of a redirection; None takes all.
        credentials: Where those for challenges come from; None for none.
    """

    endpoint: Endpoint
    caller: Caller
    target: Uri
    fields: Fields
    options: InviteOptions
    factory: IMediaFactory
    modifiers: Modifiers
    max_redirects: int
    choose: RedirectChooser | None
    credentials: CredentialsSource | None

    @inlineCallbacks
    def run(self, listeners: Listeners) -> Generator[Deferred[Any], Any, Invitation]:
        """Send the INVITE.

        Returns:
            A Deferred with the call. It fails with `LocalProtocolError` where it cannot
            be sent and with `Unreachable` where there is no way.
        """
        asked_at = self.endpoint.clock.seconds()
        offer: ILocalOffer | None = None
        if not self.options.is_offerless:
            offered = self.factory.offer()
            offer = (yield offered) if isinstance(offered, Deferred) else offered
        try:
            if offer is not None:
                outgoing = self.modifiers[0]
                if outgoing:
                    description: SessionDescription = yield modified(
                        offer.description, outgoing
                    )
                    offer = ModifiedOffer(offer, description)
            is_secure = isinstance(self.target, SipUri) and self.target.is_secure
            hop = self.caller.next_hop(self.target)
            servers = self.endpoint.servers.candidates(hop, is_secure=is_secure)
            flow: IFlow = yield from _result(servers.next_flow())
            invite = self._invite(offer, flow)
            first = NextAttempt(invite, flow, servers)
            invitation = self._invitation(offer, first, asked_at, listeners)
            listeners.keeper.keep(invitation)
            try:
                yield from _result(invitation.start())
            except BaseException:
                listeners.keeper.forget(invitation)
                raise
        except BaseException:
            # Also GeneratorExit and CancelledError: the offer is ours to close.
            if offer is not None:
                offer.close()
            raise
        return invitation

    def _invite(self, offer: ILocalOffer | None, flow: IFlow) -> Request:
        description = None if offer is None else offer.description
        return build_invite(
            self.caller,
            self.target,
            flow,
            self.fields,
            description,
            self.endpoint.identifiers,
        )

    def _invitation(
        self,
        offer: ILocalOffer | None,
        first: NextAttempt,
        asked_at: float,
        listeners: Listeners,
    ) -> Invitation:
        reporter = self._reporter(first.invite, asked_at, listeners)
        return Invitation(
            self.endpoint,
            first,
            self.options,
            MediaOpener(offer, self.factory),
            self.modifiers,
            reporter,
            Authenticator(
                self.credentials or no_credentials, self.endpoint.identifiers.cnonce
            ),
            self,
            listeners.keeper,
        )

    def retries(self, reporter: CallReport, authenticator: Authenticator) -> Retries:
        """See `RetryPlanner`."""
        redirects = Redirects(
            TargetSet(self.target, self.max_redirects), self.choose, reporter.report
        )
        steps: list[RetryStep] = [Rules(self._rules()), redirects]
        identity = self.caller.identity
        return Retries(self.endpoint, identity, steps, reporter.report, authenticator)

    def _rules(self) -> list[RetryRule]:
        proxy = self.caller.proxy
        uri = self.caller.identity.uri if proxy is None else proxy
        domain = uri.host if isinstance(uri, SipUri) else None
        return [LongerInterval(), FewerExtensions(), SipForTel(domain)]

    def _reporter(
        self, invite: Request, asked_at: float, listeners: Listeners
    ) -> CallReport:
        return CallReport(
            self.endpoint.clock,
            invite.call_id,
            invite.from_tag or "",
            asked_at,
            listeners.observers,
            listeners.delegate,
        )
