"""What a simulated proxy keeps of one INVITE (RFC 3261 sections 16.6 to 16.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall

from sipuac.testing.simulation.peer import LIMIT, Repeater
from sipuac.testing.simulation.wire import Rows, WireMessage, response_to

if TYPE_CHECKING:
    from sipuac.testing.simulation.proxy import Proxy

# Seconds of timer C: "greater than 3 minutes".
_TIMER_C = 181.0


class Context:
    """One INVITE and its branches.

    Attributes:
        invite: As it came.
        has_final: Whether a final response was sent upstream.
    """

    def __init__(self, proxy: Proxy, invite: WireMessage) -> None:
        self.proxy = proxy
        self.invite = invite
        self.has_final = False
        self._branches: list[Branch] = []
        self._groups = list(proxy.plan.groups)
        self._last: WireMessage | None = None
        self._failure: Repeater | None = None
        self._is_closed = False
        self._succeeded_at: float | None = None
        self._success_tag = ""

    def begin(self) -> None:
        """Forward it to the first group."""
        self._proceed()

    def repeat(self) -> None:
        """The INVITE came again."""
        if self._last is not None:
            self.proxy.respond(self._last)

    def acknowledged(self) -> None:
        """The ACK of our refusal came."""
        if self._failure is not None:
            self._failure.stop()

    def cancel(self) -> None:
        """End what is pending (16.10)."""
        self._is_closed = True
        for branch in list(self._branches):
            branch.cancel()

    # -- from its branches ----------------------------------------------------------

    def provisional_came(self, response: WireMessage) -> None:
        """Forward it (16.7 item 5)."""
        if not self.has_final:
            self._send(response)

    def success_came(self, response: WireMessage) -> None:
        """Forward each 2xx at once, and end the others (16.7 items 5 and 10)."""
        plan, now = self.proxy.plan, self.proxy.clock.rightNow
        if self._succeeded_at is None:
            self._succeeded_at = now
            self._success_tag = response.to_tag
        if plan.success == "first" and response.to_tag != self._success_tag:
            return
        if now - self._succeeded_at > LIMIT and plan.late_success == "drop":
            return  # RFC 6026 section 8.6
        self.has_final = True
        self._send(response)
        if plan.cancels_losers:
            self.cancel()

    def branch_failed(self, branch: Branch) -> None:
        """A branch has its final response, and it is no 2xx."""
        final = branch.final
        if final is None:
            return
        if self.proxy.plan.is_hasty and not self.has_final:
            self.refuse(final)
        if final.status >= 600:
            self.cancel()
        if self._proceed():
            self._say_199(branch)

    def _proceed(self) -> bool:
        """Go on where nothing is pending; whether the INVITE goes on at all."""
        while all(branch.final is not None for branch in self._branches):
            if not self._groups or self._is_closed or self.has_final:
                if not self.has_final:
                    self.refuse(self._best())
                return False
            rows = self.invite.rows
            group = self._groups.pop(0)
            added = [self.proxy.new_branch(rows, self, target) for target in group]
            self._branches += added
            for branch in added:
                branch.begin()
        return not self.has_final

    def _best(self) -> WireMessage:
        finals = [one.final for one in self._branches if one.final is not None]
        if not finals:
            return response_to(self.invite, 480, f"{self.proxy.name}-none")
        globals_ = [final for final in finals if final.status >= 600]
        best = min(globals_ or finals, key=lambda final: final.status // 100)
        if best.status == 503:
            # 16.7 item 6: it "SHOULD generate a 500 response".
            return response_to(self.invite, 500, f"{self.proxy.name}-500")
        return best

    def refuse(self, response: WireMessage) -> None:
        """Send this final response, until it is acknowledged."""
        self.has_final = True
        self._send(response)
        self._failure = Repeater(self.proxy, lambda: self.proxy.respond(response))

    def _say_199(self, branch: Branch) -> None:
        if not self.proxy.plan.sends_199 or self.has_final:
            return
        if "199" not in self.invite.get("Supported"):
            return
        for tag in branch.early_tags:
            self._send(response_to(self.invite, 199, tag))

    def _send(self, response: WireMessage) -> None:
        hider = self.proxy.hider
        seen = response if hider is None else hider.response(response)
        if seen is not None:
            self._last = seen
            self.proxy.respond(seen)


class Branch:
    """One target of an INVITE.

    Attributes:
        invite: As it is sent there.
        final: Its non-2xx final response, made up where none came.
        early_tags: Of the early dialogs that came from there.
    """

    def __init__(
        self, proxy: Proxy, context: Context, invite: WireMessage, target: str
    ) -> None:
        self.invite = invite
        self.final: WireMessage | None = None
        self.early_tags: list[str] = []
        self._proxy = proxy
        self._context = context
        self._target = target
        self._is_proceeding = False
        self._is_cancelled = False
        self._has_success = False
        self._repeater: Repeater | None = None
        self._cancelling: Repeater | None = None
        self._limits: list[IDelayedCall] = []

    def begin(self) -> None:
        """Send it."""
        proxy = self._proxy
        self._repeater = Repeater(proxy, self._send, self._time_out, longest=None)
        self._send()
        ring_time = proxy.plan.ring_time
        if ring_time is not None:
            self._limits.append(proxy.later(ring_time, self._give_up))
        self._limits.append(proxy.later(_TIMER_C, self._give_up))

    def cancel(self) -> None:
        """End it, as soon as a provisional response has come (9.1)."""
        if self.final is not None or self._has_success or self._is_cancelled:
            return
        self._is_cancelled = True
        if self._is_proceeding:
            self._send_cancel()

    def response_received(self, response: WireMessage) -> None:
        """A response came from there."""
        status = response.status
        if self._repeater is not None:
            self._repeater.stop()
        if status < 200:
            self._provisional_received(response)
        elif status < 300:
            self._is_over(is_success=True)
            self._context.success_came(response.without_top_via())
        else:
            self._acknowledge(response)
            if self.final is None and not self._has_success:
                self.final = response.without_top_via()
                self._is_over()
                self._context.branch_failed(self)

    def _provisional_received(self, response: WireMessage) -> None:
        if self.final is not None or self._has_success:
            return
        was_proceeding, self._is_proceeding = self._is_proceeding, True
        if response.status > 100 or self._proxy.plan.relays_trying:
            if response.to_tag and response.to_tag not in self.early_tags:
                self.early_tags.append(response.to_tag)
            self._context.provisional_came(response.without_top_via())
        if self._is_cancelled and not was_proceeding:
            self._send_cancel()

    def _send(self) -> None:
        self._proxy.send(self.invite, self._target)

    def _send_cancel(self) -> None:
        invite = self.invite
        rows: Rows = [("Via", invite.get("Via"))]
        rows += [
            (name, value)
            for name, value in invite.rows
            if name in ("Max-Forwards", "Route", "From", "To", "Call-ID")
        ]
        rows.append(("CSeq", f"{invite.number} CANCEL"))
        cancel = WireMessage(invite.start.replace("INVITE", "CANCEL", 1), rows)

        def send() -> None:
            self._proxy.send(cancel, self._target)

        # 9.1: with no final response in 64*T1 the branch counts as cancelled.
        self._cancelling = Repeater(self._proxy, send, self._time_out)
        send()

    def _acknowledge(self, response: WireMessage) -> None:
        invite = self.invite
        rows: Rows = [("Via", invite.get("Via"))]
        rows += [
            (name, response.get("To") if name == "To" else value)
            for name, value in invite.rows
            if name in ("Max-Forwards", "Route", "From", "To", "Call-ID")
        ]
        rows.append(("CSeq", f"{invite.number} ACK"))
        ack = WireMessage(invite.start.replace("INVITE", "ACK", 1), rows)
        self._proxy.send(ack, self._target)

    def _give_up(self) -> None:
        if self._is_proceeding:
            self.cancel()
        else:
            self._time_out()

    def _time_out(self) -> None:
        if self.final is None and not self._has_success:
            status = 487 if self._is_cancelled else 408
            tag = f"{self._proxy.name}-{self._proxy.number()}"
            self.final = response_to(self._context.invite, status, tag)
            self._is_over()
            self._context.branch_failed(self)

    def _is_over(self, *, is_success: bool = False) -> None:
        self._has_success = self._has_success or is_success
        for call in self._limits:
            if call.active():
                call.cancel()
        self._limits.clear()
        for repeater in (self._repeater, self._cancelling):
            if repeater is not None:
                repeater.stop()
