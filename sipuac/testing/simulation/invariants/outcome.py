"""Every Deferred fires once, and the INVITE ends in its time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from sipuac.errors import SipError
from sipuac.testing.simulation.invariants.base import Invariant
from sipuac.testing.simulation.peer import LIMIT

# Seconds that may pass beyond answer timeout and 64*T1: the media's own limit, a
# connection that does not come about, and the grace of a forked call.
_SLACK = 8.0 + 30.0 + 5.0


class Outcome(Invariant):
    """What was promised to the application comes once, and not too late."""

    def ended(self) -> None:
        """See `Watcher`."""
        for user in self.view.users:
            for promise in user.promises:
                name, count = promise.name, promise.count
                self.need(
                    count == 1, f"{name} of call {user.index} fired {count} times"
                )
                error = promise.error
                is_typed = error is None or isinstance(error, SipError)
                if isinstance(error, CancelledError):
                    is_typed = f"drop-{name}" in user.done
                self.need(is_typed, f"{name} of call {user.index} failed: {error!r}")
                if promise.limit is not None and promise.waited is not None:
                    limit = promise.limit + LIMIT + _SLACK
                    late = f"{name} of call {user.index} took {promise.waited:g} s"
                    self.need(promise.waited <= limit, late)
            if user.invitation is not None:
                state = user.invitation.state
                self.need(state == "Terminated", f"call {user.index} ends {state}")
