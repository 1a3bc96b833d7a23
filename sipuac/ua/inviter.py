"""Places calls: builds the INVITE, finds its way, and keeps all that were sent.

Nothing leaves before everything that was asked for is known to be possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from twisted.internet.defer import (
    CancelledError,
    Deferred,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipuac._version import __version__
from sipuac.dialog.fork_policy import POLICIES, ForkPolicy
from sipuac.dialog.options import InviteOptions, default_policy
from sipuac.errors import LocalProtocolError
from sipuac.media.interfaces import IMediaFactory
from sipuac.syntax.fields import NameAddress, check_header
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.call_setup import CallSetup, Listeners
from sipuac.ua.credentials import CredentialsSource
from sipuac.ua.endpoint import Endpoint, ServerTransaction
from sipuac.ua.events import CallEvent
from sipuac.ua.interfaces import IInviteDelegate, IRequestHandler
from sipuac.ua.invitation import Invitation
from sipuac.ua.invite_request import (
    FORK_PREFERENCES,
    RELIABILITIES,
    Caller,
    checked_headers,
    extension_fields,
    fields_of_target,
    fork_preference_fields,
    parse_identity,
    parse_proxy,
    parse_target,
    session_ask,
)
from sipuac.ua.media_work import Modifier
from sipuac.ua.outcome import Outcome
from sipuac.ua.redirects import RedirectChooser
from sipuac.ua.remains import Remains
from sipuac.ua.session import Session

__all__ = [
    "DEFAULT_USER_AGENT",
    "FORK_PREFERENCES",
    "Inviter",
    "parse_identity",
    "parse_proxy",
]

_T = TypeVar("_T")

_log = Logger()

DEFAULT_USER_AGENT = f"sipuac/{__version__}"


@implementer(IRequestHandler)
class Inviter:
    """Places calls over an endpoint.

    Args:
        endpoint: Carries them.
        identity: Who calls: the From field, as a URI or with a display name.
        proxy: Outbound proxy, a loose router (RFC 3261 section 8.1.2); None for none.
        media: Makes the media of calls that bring none of their own.
        user_agent: The User-Agent field; None leaves it out.
        credentials: Where those for challenges come from (RFC 3261 section 22); None
            for none.
        max_calls: How many attempts and calls there are at a time; more are refused.

    Attributes:
        service_routes: The way of INVITEs to come, as our registrar gave it.

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
        credentials: CredentialsSource | None = None,
        max_calls: int = 100_000,
    ) -> None:
        self.identity = parse_identity(identity)
        self.proxy = None if proxy is None else parse_proxy(proxy)
        self.endpoint = endpoint
        self.service_routes: tuple[NameAddress, ...] = ()
        self._media = media
        self._credentials = credentials
        self.user_agent = user_agent
        self._unsent: list[Deferred[Invitation]] = []
        self._is_drained = False
        if user_agent is not None:
            check_header("User-Agent", user_agent)
        self._max_calls = max_calls
        self._invitations: dict[str, Invitation] = {}
        self._remains: dict[str, tuple[Remains, ...]] = {}
        self._observers: list[Callable[[CallEvent], None]] = []
        endpoint.add_handler(self)
        endpoint.add_stray_handler(self._stray_success)
        endpoint.add_stop_handler(self._stop_all)

    def add_observer(self, observer: Callable[[CallEvent], None]) -> None:
        """Call this with every event of every call that is placed from now on."""
        self._observers = [*self._observers, observer]

    @property
    def invitations(self) -> list[Invitation]:
        """Every attempt and call that is not over."""
        return list(self._invitations.values())

    @property
    def remains(self) -> list[Remains]:
        """What is left of calls that are over, for as long as a 2xx may still come."""
        return [one for left in self._remains.values() for one in left]

    def remembers(self, call_id: str) -> bool:
        """Whether there is a call with this Call-ID, or something is left of one."""
        return call_id in self._invitations or call_id in self._remains

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
        reliable: str = "supported",
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
        session_expires: int | None = None,
        min_se: int | None = None,
        follow_redirects: bool | RedirectChooser = False,
        max_redirects: int = 5,
        delegate: IInviteDelegate | None = None,
    ) -> Deferred[Invitation]:
        """Send an INVITE.

        Args:
            target: The URI to call: sip, sips, or tel where there is a proxy.
            early_media: Whether the first answer in a provisional response starts the
                media; the INVITE then asks not to be forked.
            without_sdp: Whether the callees are to make the offers: each fork that
                makes one in a reliable provisional response gets media of its own.
            answer: Which description of a dialog is its answer: "first", or "final":
                the first one in a reliable response replaces an unreliable preview.
            reliable: "supported", or "required": a callee that cannot send provisional
                responses reliably is to refuse the INVITE (RFC 3262).
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
            session_expires: Seconds, 90 or more, after which a call that nobody has
                refreshed is over (RFC 4028); None to ask for no session timer.
            min_se: The shortest session interval, in seconds, that is accepted.
            follow_redirects: Whether to call the Contacts of a 3xx, one after the
                other, the most wanted first; or a callable that is given the response
                and their URIs and returns those to call, or a Deferred of them. Never
                from a SIPS URI to another.
            max_redirects: How many 3xx of one call are followed.
            delegate: Hears what happens.

        Returns:
            A Deferred that fires when the INVITE is sent. It fails with
            `LocalProtocolError` where that cannot be, before anything is sent, and with
            `Unreachable` where there is no way. Cancelling it leaves nothing sent.
        """
        if self._is_drained:
            return _refused("no calls are placed any more")
        if reliable not in RELIABILITIES:
            return _refused(f"reliable is one of {', '.join(RELIABILITIES)}")
        if max_redirects < 0:
            return _refused("max_redirects cannot be negative")
        if fork_preference not in FORK_PREFERENCES:
            return _refused(f"fork_preference is one of {', '.join(FORK_PREFERENCES)}")
        factory = self._media if media is None else media
        if factory is None:
            return _refused("there is no media to make an offer")
        try:
            uri = parse_target(target, has_proxy=self.proxy is not None)
            policy = _policy(on_fork, early_media=early_media)
            options = _checked_options(
                policy,
                answer=answer,
                is_offerless=without_sdp,
                has_early_media=early_media,
                can_replace_answer=factory.can_replace_answer,
                can_fork_offer=factory.can_fork_offer,
                extra_ringing=extra_ringing,
                answer_timeout=answer_timeout,
                fork_hold=fork_hold,
                fork_grace=fork_grace,
                max_extras=max_extras,
                linger=self.endpoint.timers.timer_b,
                t1=self.endpoint.timers.t1,
                t2=self.endpoint.timers.t2,
            )
            extra = checked_headers(headers, has_proxy=self.proxy is not None)
            extra += fields_of_target(target, extra)
            session = session_ask(session_expires, min_se)
        except LocalProtocolError as error:
            return _refused(str(error))
        if len(self._invitations) >= self._max_calls:
            return _refused(f"there are {self._max_calls} calls already")
        fields = extension_fields(reliable, wants_199=early_media or without_sdp)
        if early_media:
            fields += fork_preference_fields(fork_preference, extra)
        fields += session.fields()
        fields += extra
        fields.append(("Expires", str(max(1, round(answer_timeout)))))
        setup = CallSetup(
            self.endpoint,
            self.caller,
            uri,
            fields,
            options,
            factory,
            (tuple(modifiers), tuple(answer_modifiers)),
            max_redirects if follow_redirects else 0,
            follow_redirects if callable(follow_redirects) else None,
            self._credentials,
        )
        listeners = Listeners(self._observers, delegate, self)
        return self._begin(setup.run(listeners))

    @property
    def caller(self) -> Caller:
        """Who calls, and through what."""
        return Caller(self.identity, self.proxy, self.user_agent, self.service_routes)

    def _begin(self, sending: Deferred[Invitation]) -> Deferred[Invitation]:
        """Keep what is not sent yet, so that `drain` finds it."""
        if not sending.called:
            self._unsent.append(sending)
            sending.addBoth(self._is_sent, sending)
        return sending

    def _is_sent(self, result: _T, sending: Deferred[Invitation]) -> _T:
        self._unsent.remove(sending)
        if self._is_drained and isinstance(result, Failure):
            if isinstance(result.value, CancelledError):
                raise LocalProtocolError("no calls are placed any more")
        return result

    # What comes in

    def knows(self, request: Request) -> bool:
        """See `IRequestHandler`: a request in a dialog of one of our calls."""
        return self.remembers(request.call_id)

    def request_received(
        self, request: Request, transaction: ServerTransaction | None, flow: IFlow
    ) -> bool:
        """See `IRequestHandler`: a request in a dialog of one of our calls."""
        for remains in self._remains.get(request.call_id, ()):
            if remains.request_received(request, transaction):
                return True
        invitation = self._invitations.get(request.call_id)
        if invitation is None:
            return False
        return invitation.request_received(request, transaction)

    def _stray_success(self, response: Response, flow: IFlow) -> bool:
        invitation = self._invitations.get(response.call_id)
        if invitation is not None and invitation.stray_success(response):
            return True
        left = self._remains.get(response.call_id, ())
        return any(remains.stray_success(response) for remains in left)

    def keep(self, invitation: Invitation) -> None:
        """See `Keeper`."""
        self._invitations[invitation.call_id] = invitation

    def forget(self, invitation: Invitation) -> None:
        """See `Keeper`."""
        self._invitations.pop(invitation.call_id, None)

    def keep_remains(self, remains: Remains) -> None:
        """See `Keeper`."""
        call_id = remains.call_id
        self._remains[call_id] = (*self._remains.get(call_id, ()), remains)

    def forget_remains(self, remains: Remains) -> None:
        """See `Keeper`."""
        left = self._remains.pop(remains.call_id, ())
        left = tuple(one for one in left if one is not remains)
        if left:
            self._remains[remains.call_id] = left

    def drain(self, seconds: float) -> Deferred[None]:
        """Place no more calls, end every one, and wait until all branches are resolved.

        What was asked for and is not sent yet never will be: it fails with
        `LocalProtocolError`.

        Args:
            seconds: At most so long; what is left then is logged by Call-ID and closed.

        Returns:
            A Deferred that never fails; cancelling it stops nothing.
        """
        self._is_drained = True
        for sending in list(self._unsent):
            sending.cancel()
        drained: Outcome[None] = Outcome()
        waiting = {call.call_id for call in self.invitations}

        def is_resolved(ignored: object, call_id: str) -> None:
            waiting.discard(call_id)
            if not waiting:
                limit.stop()
                finish()

        def finish() -> None:
            if not drained.is_set:
                for call_id in waiting:
                    _log.warn("left unfinished: {call_id}", call_id=call_id)
                self._stop_all()
                drained.succeed(None)

        limit = self.endpoint.start_timer(seconds, finish)
        for call in self.invitations:
            call.hangup().addCallback(is_resolved, call.call_id)
        if not waiting:
            limit.stop()
            finish()
        return drained.deferred()

    def _stop_all(self) -> None:
        for call in self.invitations:
            call.stop()
        self._invitations.clear()
        for left in list(self._remains.values()):
            for remains in left:
                remains.stop()


def _checked_options(policy: ForkPolicy, **options: Any) -> InviteOptions:
    """Options that can be had.

    Raises:
        LocalProtocolError: They cannot.
    """
    if any(policy is usual for usual in POLICIES.values()):
        # Most calls of a program have the same.
        return _usual_options(policy.name, **options)
    checked = InviteOptions(policy, **options)
    checked.check()
    return checked


@lru_cache(maxsize=16)
def _usual_options(policy: str, **options: Any) -> InviteOptions:
    checked = InviteOptions(POLICIES[policy], **options)
    checked.check()
    return checked


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


def _refused(message: str) -> Deferred[Any]:
    refused: Deferred[Any] = Deferred()
    refused.errback(LocalProtocolError(message))
    return refused
