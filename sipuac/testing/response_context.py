"""What a forking proxy keeps of one request (RFC 3261 sections 16.6 to 16.10).

The request goes to groups of targets, one group after the other, to all targets of a
group at once. All that the proxy decides about responses is here; how a request reaches
one target is in `proxy_branch`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sipuac.syntax.message import Request, Response, response_to
from sipuac.syntax.uri import Uri
from sipuac.testing.proxy_branch import Branch, Headers
from sipuac.testing.transactions import DrivenServer

if TYPE_CHECKING:
    from sipuac.testing.proxy import ForkingProxy

# "Preference to responses that provide information affecting resubmission of this
# request, such as 401, 407, 415, 420, and 484 if the 4xx class is chosen" (16.7 item
# 6).
_PREFERRED = (401, 407, 415, 420, 484)
# These only say that the proxy gave up on somebody.
_LEAST = (408, 487)


class ResponseContext:
    """All that belongs to one request that the proxy forwards.

    Args:
        proxy: The proxy.
        server: The transaction of the request.
        request: The request, its own routes taken off and its Max-Forwards counted.
        groups: The targets.

    Attributes:
        branches: Where it was sent.
        best: The non-2xx final response that was chosen; None while there is none.
        has_final: Whether a final response was forwarded.
        is_over: Whether every transaction has ended.
    """

    def __init__(
        self,
        proxy: ForkingProxy,
        server: DrivenServer,
        request: Request,
        groups: Iterable[Iterable[Uri]],
    ) -> None:
        self.proxy = proxy
        self.server = server
        self.request = request
        self.branches: list[Branch] = []
        self.best: Response | None = None
        self.has_final = False
        self.is_over = False
        self._groups = deque(tuple(group) for group in groups)
        self._is_closed = False
        self._told_ended: set[str] = set()
        server.on_end = self.check_end

    def begin(self) -> None:
        """Forward the request to the first group."""
        self._proceed()

    def cancel(self, headers: Headers = ()) -> None:
        """Cancel all pending branches and begin no further one (section 16.10)."""
        self._is_closed = True
        for branch in self.branches:
            branch.cancel(headers)

    def response_received(self, branch: Branch, response: Response) -> None:
        """A response came from a client transaction (section 16.7)."""
        status = response.status
        if status == 100:
            return
        forwarded = response.without_top_via()
        if forwarded.get("Via") is None:
            return  # "the response was meant for this element"
        if status < 200:
            if not self.has_final:
                self._note_199(forwarded)
                self.server.respond(forwarded)
        elif status < 300:
            if self._is_invite or not self.has_final:
                self.has_final = True
                self.server.respond(forwarded)
                self.cancel(_reason(status, "Call completed elsewhere"))
        else:
            branch.final = forwarded
            self.branch_finished(branch)

    def branch_finished(self, branch: Branch) -> None:
        """A branch has its final response, and it is none of 2xx."""
        final = branch.final
        if final is not None and final.status >= 600:
            self.cancel(_reason(final.status, final.reason))
        self._proceed(branch)

    def check_end(self) -> None:
        """Forget the context once all its transactions have ended."""
        if self.is_over or not self.server.is_over:
            return
        if all(branch.is_over for branch in self.branches):
            self.is_over = True
            self.proxy.forget_context(self)

    # -- inside ---------------------------------------------------------------------

    @property
    def _is_invite(self) -> bool:
        return self.request.method == "INVITE"

    def _proceed(self, finished: Branch | None = None) -> None:
        is_waiting = any(branch.final is None for branch in self.branches)
        has_more = bool(self._groups) and not self._is_closed
        if finished is not None and (is_waiting or has_more):
            self._tell_ended(finished)
        if is_waiting:
            return
        if has_more:
            group = [Branch(self, target) for target in self._groups.popleft()]
            self.branches += group
            for branch in group:
                branch.forward()
        elif not self.has_final:
            self.has_final = True
            self.best = self._best()
            self.server.respond(self.best)
        self.check_end()

    def _best(self) -> Response:
        """The best of the final responses (16.7 items 6 and 7)."""
        finals = [branch.final for branch in self.branches if branch.final is not None]
        if not finals:
            tag = self.proxy.identifiers.tag()
            return response_to(self.request, 408, to_tag=tag)
        global_ones = [final for final in finals if final.status >= 600]
        lowest = min(final.status // 100 for final in finals)
        chosen = global_ones or [f for f in finals if f.status // 100 == lowest]
        best = min(chosen, key=_rank)
        if best.status == 503:
            # "If the only response that was received is a 503, the proxy SHOULD
            # generate a 500 response and forward that upstream."
            tag = self.proxy.identifiers.tag()
            return response_to(self.request, 500, to_tag=tag)
        if best.status in (401, 407):
            others = [f for f in finals if f is not best and f.status in (401, 407)]
            best = best.with_headers(
                (name, challenge)
                for final in others
                for name in ("WWW-Authenticate", "Proxy-Authenticate")
                for challenge in final.get_all(name)
            )
        return best

    def _note_199(self, response: Response) -> None:
        if response.status == 199 and response.to_tag is not None:
            self._told_ended.add(response.to_tag)

    def _tell_ended(self, branch: Branch) -> None:
        """Send 199 for the early dialogs of a failed branch (RFC 6228 section 6)."""
        request, final = self.request, branch.final
        if not self.proxy.sends_199 or self.has_final or final is None:
            return
        if final.is_success or not request.has_token("Supported", "199"):
            return
        if request.has_token("Require", "100rel"):
            return
        for tag in sorted(branch.early_tags - self._told_ended):
            reason = _reason(final.status, final.reason)
            self.server.respond(
                response_to(request, 199, to_tag=tag, headers=reason).without(
                    "Record-Route"
                )
            )


def _rank(response: Response) -> tuple[int, int]:
    status = response.status
    if status in _PREFERRED:
        return (0, _PREFERRED.index(status))
    return (2, 0) if status in _LEAST or status == 503 else (1, 0)


def _reason(status: int, text: str) -> Headers:
    return (("Reason", f'SIP;cause={status};text="{text}"'),)
