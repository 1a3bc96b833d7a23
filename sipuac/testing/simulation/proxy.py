"""Simulated forking proxies: RFC 3261 section 16, or as their plan departs from it.

A proxy is stateful for INVITEs that begin a call, and for their CANCEL; all other
requests it forwards without state (16.11), so that a request in a dialog is repeated by
its sender alone.
"""

from __future__ import annotations

from sipuac.testing.simulation.challenger import Challenger
from sipuac.testing.simulation.hider import Hider
from sipuac.testing.simulation.network import SimulatedNetwork
from sipuac.testing.simulation.peer import LIMIT, Peer
from sipuac.testing.simulation.proxy_context import Branch, Context
from sipuac.testing.simulation.scenario import CALLER, DOMAIN, ProxyPlan
from sipuac.testing.simulation.wire import (
    COOKIE,
    Rows,
    WireMessage,
    host_of,
    response_to,
    sent_by,
)


class Proxy(Peer):
    """One proxy.

    Attributes:
        plan: What it does.
        is_next_to_stream: Whether the caller reaches it by TCP.
        branches: The branches of its INVITEs, by the branch of their Via.
        hider: Hides its forks; None where it does not.
        challenger: Wants credentials.
    """

    def __init__(
        self, network: SimulatedNetwork, plan: ProxyPlan, *, is_next_to_stream: bool
    ) -> None:
        super().__init__(network, plan.name)
        self.plan = plan
        self.branches: dict[str, Branch] = {}
        transport = ";transport=tcp" if is_next_to_stream else ""
        self._record_route = f"<sip:{plan.name}{transport};lr>"
        self.hider = Hider(plan.name) if plan.hides_forks else None
        self.challenger = Challenger(plan.name, plan.challenges, plan.nonce_lasts)
        self._contexts: dict[str, Context] = {}

    def received(self, message: WireMessage, source: str) -> None:
        """See `Peer`."""
        if message.status:
            self._response_received(message)
            return
        context = self._contexts.get(message.branch)
        is_for_us = host_of(message.uri) in (self.name, DOMAIN)
        if context is not None:
            if message.method == "INVITE":
                context.repeat()
            elif message.method == "CANCEL":
                self._cancel_received(message, context)
            else:
                context.acknowledged()
        elif message.method == "INVITE" and is_for_us:
            self._begin(message)
        elif message.method == "CANCEL" and is_for_us:
            self._cancel_received(message, None)
        else:
            self._forward(message)

    def _begin(self, invite: WireMessage) -> None:
        plan = self.plan
        if not self._contexts and plan.vanishes_at is not None:
            self.later(plan.vanishes_at, self.die)
        context = self._contexts[invite.branch] = Context(self, invite)
        refusal = self.challenger.refusal(invite)
        if refusal is not None:
            context.refuse(refusal)
            return
        if plan.trying != "none":
            tag = f"{self.name}-trying" if plan.trying == "tagged" else ""
            self.respond(response_to(invite, 100, tag))
        context.begin()

    def _cancel_received(self, cancel: WireMessage, context: Context | None) -> None:
        policy = self.plan.on_cancel
        if policy == "ignore":
            return
        tag = f"{self.name}-cancel"
        if context is None or policy == "refuse":
            self.respond(response_to(cancel, 481, tag))
            return
        self.respond(response_to(cancel, 200, tag))
        context.cancel()

    def _forward(self, request: WireMessage) -> None:
        """Forward a request without state; its new branch follows from its old one."""
        refusal = self.challenger.refusal(request)
        if refusal is not None and CALLER in request.get("Via"):
            self.respond(refusal)
            return
        if self.hider is not None:
            seen = self.hider.request(request)
            if seen is None:
                self.respond(response_to(request, 481))
                return
            request = seen
        branch = f"{request.branch}.{self.name}"
        rows: Rows = [("Via", self._via(branch))]
        has_route, host = False, ""
        for name, value in request.rows:
            if name == "Route":
                if not has_route and not host and host_of(value) == self.name:
                    has_route = True  # ours
                    continue
                host = host or host_of(value)
            elif name == "Max-Forwards":
                value = str(int(value) - 1)
                if value == "0":
                    return
            rows.append((name, value))
        host = host or host_of(request.uri)
        if host != self.name:
            self.send(request.forwarded(rows, branch), host)

    def _response_received(self, response: WireMessage) -> None:
        branch = self.branches.get(response.branch)
        if branch is not None and response.method == "INVITE":
            branch.response_received(response)
        elif not response.branch.endswith(f".{self.name}"):
            return  # to a CANCEL of ours
        else:
            self.forward_response(response)

    def forward_response(self, response: WireMessage) -> None:
        """Send a response on, to where the next Via says."""
        forwarded = response.without_top_via()
        if self.hider is not None:
            forwarded = self.hider.answer(forwarded, forwarded.branch)
        via = forwarded.get("Via")
        if via:
            self.send(forwarded, sent_by(via))

    # -- for its contexts -----------------------------------------------------------

    def new_branch(self, request: Rows, context: Context, target: str) -> Branch:
        """A branch to a target; the rows are those of the INVITE."""
        own = f"{COOKIE}-{self.name}-{self.number()}"
        rows: Rows = [("Via", self._via(own))]
        if self.plan.record_routes:
            rows.append(("Record-Route", self._record_route))
        for name, value in request:
            if name == "Route" and host_of(value) == self.name:
                continue
            if name == "Max-Forwards":
                value = str(int(value) - 1)
            rows.append((name, value))
        invite = WireMessage(
            f"INVITE sip:{target}@{target} SIP/2.0", rows, context.invite.body
        )
        branch = self.branches[own] = Branch(self, context, invite, target)
        return branch

    def is_late(self, since: float) -> bool:
        """Whether 64*T1 have passed since then."""
        return self.clock.rightNow - since > LIMIT

    def _via(self, branch: str) -> str:
        return f"SIP/2.0/UDP {self.name}:5060;branch={branch}"
