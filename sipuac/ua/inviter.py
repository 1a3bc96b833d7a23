"""Places calls: builds the INVITE, finds its way, and keeps all that were sent.

Nothing leaves before everything that was asked for is known to be possible.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.logger import Logger
from zope.interface import implementer

from sipuac._version import __version__
from sipuac.dialog.capabilities import ALLOW
from sipuac.dialog.fork_policy import POLICIES, ForkPolicy
from sipuac.dialog.options import InviteOptions, default_policy
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.fields import NameAddress, check_header
from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import SipUri, TelUri, Uri, parse_uri
from sipuac.transport.interfaces import IFlow
from sipuac.ua.call_media import Modifier, modified
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IInviteDelegate, IRequestHandler
from sipuac.ua.invitation import Invitation
from sipuac.ua.session import Session

_log = Logger()

DEFAULT_USER_AGENT = f"sipuac/{__version__}"

FORK_PREFERENCES = ("no-fork", "sequential", "none")

# Fields that the user agent writes itself: another value of them would make the message
# contradict itself.
_OWN_FIELDS = frozenset(
    "via from to call-id cseq contact max-forwards route record-route content-length "
    "content-type expires allow supported user-agent v f t i m l c k".split()
)


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


@implementer(IRequestHandler)
class Inviter:
    """Places calls over an endpoint.

    Args:
        endpoint: Carries them.
        identity: Who calls: the From field, as a URI or with a display name.
        proxy: Outbound proxy, a loose router (RFC 3261 section 8.1.2); None for none.
        media: Makes the media of calls that bring none of their own.
        user_agent: The User-Agent field; None leaves it out.
        max_calls: How many attempts and calls are kept at a time; more are refused.

    Raises:
        LocalProtocolError: The identity or the proxy is no usable URI.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        identity: str,
        *,
        proxy: str | None = None,
        media: IMediaFactory | None = None,
        user_agent: str | None = DEFAULT_USER_AGENT,
        max_calls: int = 100_000,
    ) -> None:
        self.identity = parse_identity(identity)
        self.proxy = None if proxy is None else parse_proxy(proxy)
        self.endpoint = endpoint
        self._media = media
        self._user_agent = user_agent
        if user_agent is not None:
            check_header("User-Agent", user_agent)
        self._max_calls = max_calls
        self._invitations: dict[str, Invitation] = {}
        self._observers: list[Callable[[CallEvent], None]] = []
        endpoint.add_handler(self)
        endpoint.add_stray_handler(self._stray_success)

    def add_observer(self, observer: Callable[[CallEvent], None]) -> None:
        """Call this with every event of every call that is placed from now on."""
        self._observers = [*self._observers, observer]

    @property
    def invitations(self) -> list[Invitation]:
        """Every attempt and call of which something may still come."""
        return list(self._invitations.values())

    def call(self, target: str, **options: Any) -> Deferred[Session]:
        """Place a call and wait until it stands.

        Args:
            target: As of `invite`.
            options: As of `invite`.

        Returns:
            A Deferred with the established session, or a typed failure. Cancelling it
            means CANCEL or, once answered, ACK and BYE.
        """

        def established(invitation: Invitation) -> Deferred[Session]:
            return invitation.established

        return self.invite(target, **options).addCallback(established)

    def invite(
        self,
        target: str,
        *,
        early_media: bool = False,
        without_sdp: bool = False,
        answer: str = "first",
        on_fork: ForkPolicy | str | None = None,
        extra_ringing: str = "end",
        fork_preference: str = "no-fork",
        headers: Iterable[tuple[str, str]] = (),
        modifiers: Sequence[Modifier] = (),
        answer_modifiers: Sequence[Modifier] = (),
        media: IMediaFactory | None = None,
        answer_timeout: float = 180.0,
        fork_hold: float = 4.0,
        fork_grace: float = 4.0,
        max_extras: int = 8,
        delegate: IInviteDelegate | None = None,
    ) -> Deferred[Invitation]:
        """Send an INVITE.

        Args:
            target: The URI to call: sip, sips, or tel where there is a proxy.
            early_media: Whether the first answer in a provisional response starts the
                media; the INVITE then asks not to be forked.
            without_sdp: Whether the callee is to make the offer.
            answer: Which description of a dialog is its answer: "first".
            on_fork: A policy or its name; `cancel-extras` with early media and
                `first-answer` without.
            extra_ringing: "end" or "keep" extras that only ring.
            fork_preference: "no-fork", "sequential" or "none": what is asked of proxies
                under early media (RFC 3841 section 9.1).
            headers: More fields of the INVITE, as (name, value).
            modifiers: Applied to our description before it is sent, in order.
            answer_modifiers: Applied to the callee's before the media gets it.
            media: Makes the media of this call.
            answer_timeout: Seconds; sent as Expires, then CANCEL.
            fork_hold, fork_grace: Seconds; see `InviteOptions`.
            max_extras: How many extra forks are ended before the call fails.
            delegate: Hears what happens.

        Returns:
            A Deferred that fires when the INVITE is sent. It fails with
            `LocalProtocolError` where that cannot be, before anything is sent, and with
            `Unreachable` where there is no way. Cancelling it leaves nothing sent.
        """
        asked_at = self.endpoint.clock.seconds()
        if without_sdp and early_media:
            return _refused("early_media means an offer in the INVITE: not without_sdp")
        if without_sdp:
            return _refused("without_sdp is not built yet")
        if answer != "first":
            return _refused("answer is 'first'")
        if fork_preference not in FORK_PREFERENCES:
            return _refused(f"fork_preference is one of {', '.join(FORK_PREFERENCES)}")
        factory = media or self._media
        if factory is None:
            return _refused("there is no media to make an offer")
        try:
            uri = self._parse_target(target)
            policy = _policy(on_fork, early_media=early_media)
            options = InviteOptions(
                policy=policy,
                has_early_media=early_media,
                can_replace_answer=factory.can_replace_answer,
                can_fork_offer=factory.can_fork_offer,
                extra_ringing=extra_ringing,
                answer_timeout=answer_timeout,
                fork_hold=fork_hold,
                fork_grace=fork_grace,
                max_extras=max_extras,
                linger=self.endpoint.timers.timer_b,
            )
            options.check()
            extra = _checked(headers)
        except LocalProtocolError as error:
            return _refused(str(error))
        if len(self._invitations) >= self._max_calls:
            return _refused(f"there are {self._max_calls} calls already")
        fields = [*self._preference(early_media, fork_preference, extra), *extra]
        fields.append(("Expires", str(max(1, round(answer_timeout)))))
        return self._send(
            uri,
            fields,
            options,
            factory,
            (modifiers, answer_modifiers),
            delegate,
            asked_at,
        )

    @staticmethod
    def _preference(
        early_media: bool, fork_preference: str, extra: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        if not early_media:
            return []
        fields = [("Supported", "199")]
        names = {name.lower() for name, _ in extra}
        if fork_preference != "none" and not names & {"request-disposition", "d"}:
            fields.append(("Request-Disposition", fork_preference))
        return fields

    def _parse_target(self, target: str) -> Uri:
        try:
            uri = parse_uri(target)
        except ParseError as error:
            raise LocalProtocolError(f"cannot call {target!r}: {error}") from None
        if isinstance(uri, TelUri):
            if self.proxy is None:
                raise LocalProtocolError("a tel URI needs a proxy that can route it")
            return uri
        if not isinstance(uri, SipUri):
            raise LocalProtocolError(f"cannot call {target!r}: neither sip nor tel")
        return uri.request_target()

    @inlineCallbacks
    def _send(
        self,
        uri: Uri,
        fields: list[tuple[str, str]],
        options: InviteOptions,
        factory: IMediaFactory,
        modifiers: tuple[Sequence[Modifier], Sequence[Modifier]],
        delegate: IInviteDelegate | None,
        asked_at: float,
    ) -> Generator[Deferred[Any], Any, Invitation]:
        outgoing, incoming = modifiers
        offer: ILocalOffer = yield maybeDeferred(factory.offer)
        try:
            description: SessionDescription = yield modified(
                offer.description, outgoing
            )
            is_secure = isinstance(uri, SipUri) and uri.is_secure
            hop: Uri = uri if self.proxy is None else self.proxy
            flow: IFlow = yield self.endpoint.flow_to(hop, is_secure=is_secure)
            invite = self._build(uri, flow, fields, description)
        except BaseException:
            # Also GeneratorExit and CancelledError: the offer is ours to close.
            offer.close()
            raise
        invitation = Invitation(
            self.endpoint,
            invite,
            flow,
            options,
            ModifiedOffer(offer, description),
            modifiers=incoming,
            delegate=delegate,
            observers=self._observers,
            asked_at=asked_at,
            forget=self._forget,
        )
        self._invitations[invitation.call_id] = invitation
        invitation.start()
        return invitation

    def _build(
        self,
        uri: Uri,
        flow: IFlow,
        fields: list[tuple[str, str]],
        description: SessionDescription,
    ) -> Request:
        """The initial INVITE, without Via (RFC 3261 sections 8.1.1 and 13.2.1)."""
        identifiers = self.endpoint.identifiers
        rows: list[tuple[str, str]] = []
        if self.proxy is not None:
            rows.append(("Route", f"<{self.proxy}>"))
        sender = self.identity.with_parameter("tag", identifiers.tag())
        rows.append(("Max-Forwards", "70"))
        rows.append(("From", str(sender)))
        rows.append(("To", f"<{uri}>"))
        rows.append(("Call-ID", identifiers.call_id()))
        rows.append(("CSeq", "1 INVITE"))
        rows.append(("Contact", self._contact(flow, uri)))
        rows.append(("Allow", ALLOW))
        if self._user_agent is not None:
            rows.append(("User-Agent", self._user_agent))
        rows.extend(fields)
        rows.append(("Content-Type", "application/sdp"))
        return Request("INVITE", uri, rows, description.render())

    def _contact(self, flow: IFlow, request_uri: Uri) -> str:
        """Where requests of the callee find us (RFC 3261 section 8.1.1.8)."""
        host, port = flow.sent_by
        top = request_uri if self.proxy is None else self.proxy
        uris = (request_uri, top)
        is_secure = any(isinstance(u, SipUri) and u.is_secure for u in uris)
        user = None
        if isinstance(self.identity.uri, SipUri):
            user = self.identity.uri.user
        transport = flow.transport.lower()
        parameters: tuple[tuple[str, str | None], ...] = ()
        if transport != "udp" and not is_secure:
            parameters = (("transport", transport),)
        scheme = "sips" if is_secure else "sip"
        return f"<{SipUri(scheme, user, None, host, port, parameters)}>"

    # What comes in

    def request_received(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        """See `IRequestHandler`: a request in a dialog of one of our calls."""
        invitation = self._invitations.get(request.call_id)
        if invitation is None:
            return False
        if transaction is not None:
            invitation.request_received(request, transaction)
            return True
        # An ACK needs no answer; a CANCEL is answered by the endpoint.
        return request.method == "ACK"

    def _stray_success(self, response: Response, flow: IFlow) -> bool:
        invitation = self._invitations.get(response.call_id)
        if invitation is None or invitation.from_tag != response.from_tag:
            return False
        invitation.stray_success(response)
        return True

    def _forget(self, invitation: Invitation) -> None:
        self._invitations.pop(invitation.call_id, None)

    def drain(self, seconds: float) -> Deferred[None]:
        """End every call, and wait until all branches have met their fate.

        Args:
            seconds: At most so long; what is left then is logged by Call-ID and closed.

        Returns:
            A Deferred that never fails.
        """
        finished: Deferred[None] = Deferred()
        waiting = {call.call_id: call for call in self.invitations}

        def finish() -> None:
            if not finished.called:
                for call_id in waiting:
                    _log.warn("left unfinished: {call_id}", call_id=call_id)
                for call in self.invitations:
                    call.stop()
                self._invitations.clear()
                finished.callback(None)

        limit = self.endpoint.start_timer(seconds, finish)

        def is_done(ignored: object, call_id: str) -> None:
            waiting.pop(call_id, None)
            if not waiting:
                limit.stop()
                self.endpoint.submit(finish)

        for call_id, call in list(waiting.items()):
            call.hangup().addCallback(is_done, call_id)
        if not waiting:
            limit.stop()
            finish()
        return finished


def parse_identity(identity: str) -> NameAddress:
    """Who calls, as the From field writes it, without a tag.

    Raises:
        LocalProtocolError: It is no sip, sips or tel URI, with or without a name.
    """
    try:
        address = NameAddress.parse(identity)
    except ParseError as error:
        raise LocalProtocolError(f"cannot call as {identity!r}: {error}") from None
    if not isinstance(address.uri, SipUri | TelUri):
        raise LocalProtocolError(f"cannot call as {identity!r}: neither sip nor tel")
    return NameAddress(address.display_name, address.uri, ())


def parse_proxy(proxy: str) -> SipUri:
    """An outbound proxy; one that does not say `lr` is taken as a loose router.

    Raises:
        LocalProtocolError: It is no sip or sips URI.
    """
    try:
        uri = parse_uri(proxy)
    except ParseError as error:
        raise LocalProtocolError(f"unusable proxy {proxy!r}: {error}") from None
    if not isinstance(uri, SipUri):
        raise LocalProtocolError(f"unusable proxy {proxy!r}: no sip URI")
    uri = uri.request_target()
    return uri if uri.is_loose_router else uri.with_parameter("lr")


def _policy(on_fork: ForkPolicy | str | None, *, early_media: bool) -> ForkPolicy:
    if on_fork is None:
        return default_policy(has_early_media=early_media)
    if not isinstance(on_fork, str):
        return on_fork
    policy = POLICIES.get(on_fork)
    if policy is None:
        raise LocalProtocolError(
            f"unknown fork policy {on_fork!r}: one of {', '.join(sorted(POLICIES))}"
        )
    return policy


def _checked(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    fields = []
    for name, value in headers:
        check_header(name, value)
        if name.lower() in _OWN_FIELDS:
            raise LocalProtocolError(f"{name} is written by the user agent itself")
        fields.append((name, value))
    return fields


def _refused(message: str) -> Deferred[Any]:
    refused: Deferred[Any] = Deferred()
    refused.errback(LocalProtocolError(message))
    return refused
