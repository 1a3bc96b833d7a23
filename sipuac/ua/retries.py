"""What follows an INVITE that failed: another one, or the failure of the call.

Steps say in turn what another INVITE would be; here they are asked, and the way of what
they say is found.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from sipuac.dialog.events import Event, Retrying
from sipuac.dialog.retry_rules import Retry, RetryRule, next_invite
from sipuac.errors import AuthenticationFailed, Unreachable
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Request, Response
from sipuac.transport.interfaces import IFlow
from sipuac.ua.attempts import FailedAttempt, NextAttempt, RetryStep
from sipuac.ua.authenticator import Authenticator, with_credentials
from sipuac.ua.candidates import Candidates
from sipuac.ua.endpoint import Endpoint
from sipuac.ua.invite_request import contact_of, is_secure_call, next_hop

# However the servers on the way work together, a call is not tried for ever.
MAX_ATTEMPTS = 70


class Rules:
    """The step that asks rules about a response, each in turn."""

    def __init__(self, rules: Sequence[RetryRule]) -> None:
        self._rules = rules

    def after(self, failed: FailedAttempt) -> Deferred[Retry | None]:
        """See `RetryStep`."""
        if failed.response is not None:
            for rule in self._rules:
                retry = rule.retry(failed.invite, failed.response)
                if retry is not None:
                    return succeed(retry)
        return succeed(None)


class Retries:
    """All that is tried for one call.

    Args:
        endpoint: Finds flows.
        identity: Who calls, for the Contact of what goes over another flow.
        steps: What may be done, asked in this order.
        report: Told of each INVITE that is to be sent in place of another.
        authenticator: Answers challenges; None for nobody.

    Attributes:
        authenticator: Answers challenges, in the dialogs too; None for nobody.
    """

    __slots__ = (
        "_attempts",
        "_endpoint",
        "_identity",
        "_report",
        "_steps",
        "_told",
        "authenticator",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        identity: NameAddress,
        steps: Sequence[RetryStep],
        report: Callable[[Event], None],
        authenticator: Authenticator | None = None,
    ) -> None:
        self.authenticator = authenticator
        self._endpoint = endpoint
        self._identity = identity
        self._steps = steps
        self._report = report
        self._attempts = 1
        self._told: FailedAttempt | None = None

    @inlineCallbacks
    def after(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, NextAttempt | FailedAttempt]:
        """What follows this failure.

        Returns:
            A Deferred with the attempt that follows, or with the failure that the
            application is to hear of. Cancelling it gives up.
        """
        while failed.is_refused and self._attempts < MAX_ATTEMPTS:
            attempt: NextAttempt | None = yield self._at_next_server(failed)
            if attempt is not None:
                return attempt
            retry: Retry | None
            try:
                retry = yield self._with_credentials(failed)
            except AuthenticationFailed as error:
                failed = replace(failed, error=error)
                retry = None
            if retry is None:
                retry = yield self._retry_after(failed)
            if retry is None:
                break
            if retry.is_elsewhere:
                self._told = self._worth_telling(failed)
            self._note(failed, retry.action)
            servers = self._servers_for(retry.invite, failed)
            try:
                flow: IFlow = yield self._flow_for(servers, failed)
                invite = self._reached_over(retry.invite, flow)
                return NextAttempt(invite, flow, servers)
            except Unreachable as error:
                invite, flow = retry.invite, failed.flow
                failed = FailedAttempt(invite, flow, servers, error, None)
        return self._worth_telling(failed) if failed.is_refused else failed

    def _note(self, failed: FailedAttempt, action: str) -> None:
        self._attempts += 1
        response = failed.response
        reason = str(failed.error) if response is None else response.reason
        self._report(Retrying(failed.status, reason, action))

    @inlineCallbacks
    def _at_next_server(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, NextAttempt | None]:
        """The same INVITE at the next server of its next hop (RFC 3263 section 4.3).

        "identical to the previous, but has a different value of the Via branch ID": its
        CSeq is the same too, so that a phone that has both answers one of them 482.
        """
        servers, outcome = failed.servers, failed.outcome
        if isinstance(outcome, Response) and outcome.status != 503:
            return None
        if not servers.may_go_on(outcome):
            return None
        try:
            flow: IFlow = yield servers.next_flow()
            invite = self._reached_over(self._authorized(failed.invite), flow)
        except Unreachable:
            return None
        self._told = self._worth_telling(failed)
        host, port = flow.remote
        self._note(failed, f"at the next server, {host} port {port}")
        return NextAttempt(invite, flow, servers)

    @inlineCallbacks
    def _with_credentials(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, Retry | None]:
        """The INVITE with the credentials that a challenge asks for (22.2, 22.3)."""
        response = failed.response
        if self.authenticator is None or response is None:
            return None
        if response.status not in (401, 407):
            return None
        rows = yield self.authenticator.answer(failed.invite, response)
        invite = with_credentials(next_invite(failed.invite), rows)
        return Retry(invite, "with credentials")

    def _worth_telling(self, failed: FailedAttempt) -> FailedAttempt:
        """Of the failures at several targets, the one to tell: the last refusal.

        Silence says less than that, and a redirection that was followed even less.
        """
        told = self._told
        if told is None or failed.is_refusal or not told.is_refusal:
            return failed
        return told

    @inlineCallbacks
    def _retry_after(
        self, failed: FailedAttempt
    ) -> Generator[Deferred[Any], Any, Retry | None]:
        for step in self._steps:
            retry: Retry | None = yield step.after(failed)
            if retry is not None:
                return replace(retry, invite=self._authorized(retry.invite))
        return None

    def _authorized(self, invite: Request) -> Request:
        """The INVITE with credentials for the realms that have challenged this call."""
        if self.authenticator is None:
            return invite
        return with_credentials(invite, self.authenticator.preemptive(invite))

    def _servers_for(self, invite: Request, failed: FailedAttempt) -> Candidates:
        """The server that knows this call already, where it is the next hop again."""
        hop, is_secure = next_hop(invite), is_secure_call(invite)
        near = None
        if (hop, is_secure) == (next_hop(failed.invite), is_secure_call(failed.invite)):
            if failed.flow.is_open:
                return failed.servers
            near = failed.flow
        finder = self._endpoint.servers
        return finder.candidates(hop, is_secure=is_secure, near=near)

    def _flow_for(self, servers: Candidates, failed: FailedAttempt) -> Deferred[IFlow]:
        if servers is not failed.servers:
            return servers.next_flow()
        servers.sent_again()
        return succeed(failed.flow)

    def _reached_over(self, invite: Request, flow: IFlow) -> Request:
        contact = contact_of(self._identity, invite.uri, next_hop(invite), flow)
        return invite.replacing("Contact", contact)
