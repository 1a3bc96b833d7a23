"""The timers of RFC 3261 table 4, with those that RFC 6026 and RFC 4320 add.

A machine names a timer and says how long it runs; who runs it is no concern of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isfinite

from sipuac.errors import LocalProtocolError

# RFC 3261 17.2.1: 100 is sent "unless it knows that the TU will generate a provisional
# or final response within 200 ms".
_INVITE_TRYING_DELAY = 0.2


class Timer(str, Enum):
    """The names of all timers; the letters are the RFCs'."""

    A = "Timer A"  # INVITE client: send the INVITE again
    B = "Timer B"  # INVITE client: no response came
    D = "Timer D"  # INVITE client: no response is repeated any more
    E = "Timer E"  # non-INVITE client: send the request again
    F = "Timer F"  # non-INVITE client: no final response came
    G = "Timer G"  # INVITE server: send the response again
    H = "Timer H"  # INVITE server: no ACK came
    I = "Timer I"  # noqa: E741 - INVITE server: no ACK is repeated any more
    J = "Timer J"  # non-INVITE server: no request is repeated any more
    K = "Timer K"  # non-INVITE client: no response is repeated any more
    L = "Timer L"  # INVITE server: no accepted INVITE is repeated any more
    M = "Timer M"  # INVITE client: no 2xx is repeated, no other fork answers any more
    TRYING = "100 is due"  # both servers: the user of the transaction has said nothing
    EXPIRY = "too late"  # non-INVITE server: the client has stopped waiting


@dataclass(frozen=True, slots=True)
class Timers:
    """The three times that all others are made of, and how long each timer runs.

    Timer C is a proxy's. What differs over reliable transports is said where it does:
    there A, E and G do not run at all.

    Args:
        t1: The round-trip time that is assumed, in seconds.
        t2: The longest time between two retransmissions, in seconds.
        t4: How long a message may live in the network, in seconds.

    Raises:
        LocalProtocolError: One of them is no time that could work.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    def __post_init__(self) -> None:
        is_sane = self.t1 > 0 and self.t2 > 0 and self.t4 >= 0
        if not is_sane or not isfinite(self.t1 + self.t2 + self.t4):
            raise LocalProtocolError(
                "T1 and T2 are above zero, T4 is zero or more, and all are finite: "
                f"{self.t1}, {self.t2}, {self.t4}"
            )

    @property
    def timer_a(self) -> float:
        """The first wait of timer A, which doubles without a cap (17.1.1.2)."""
        return self.t1

    @property
    def timer_b(self) -> float:
        """How long an INVITE waits for any response (17.1.1.2)."""
        return 64 * self.t1

    def timer_d(self, is_reliable: bool) -> float:
        """How long an INVITE that was refused waits for repeated responses.

        Departs from RFC 3261 section 17.1.1.2, whose minimum is 32 s whatever T1 is,
        because tests make T1 small in order not to wait; from the usual T1 upwards this
        is 32 s or more.
        """
        return 0.0 if is_reliable else 64 * self.t1

    @property
    def timer_e(self) -> float:
        """The first wait of timer E, which doubles up to T2 (17.1.2.2)."""
        return self.t1

    @property
    def timer_f(self) -> float:
        """How long any other request waits for its final response (17.1.2.2)."""
        return 64 * self.t1

    @property
    def timer_g(self) -> float:
        """The first wait of timer G, which doubles up to T2 (17.2.1)."""
        return self.t1

    @property
    def timer_h(self) -> float:
        """How long a refusal of an INVITE waits for its ACK (17.2.1)."""
        return 64 * self.t1

    def timer_i(self, is_reliable: bool) -> float:
        """How long repeated ACKs are absorbed (17.2.1)."""
        return 0.0 if is_reliable else self.t4

    def timer_j(self, is_reliable: bool) -> float:
        """How long repeated requests get the response again (17.2.2)."""
        return 0.0 if is_reliable else 64 * self.t1

    def timer_k(self, is_reliable: bool) -> float:
        """How long repeated responses are absorbed (17.1.2.2)."""
        return 0.0 if is_reliable else self.t4

    @property
    def timer_l(self) -> float:
        """How long repeated accepted INVITEs are absorbed (RFC 6026 section 8.7)."""
        return 64 * self.t1

    @property
    def timer_m(self) -> float:
        """How long further 2xx are awaited (RFC 6026 section 8.4)."""
        return 64 * self.t1

    @property
    def invite_trying(self) -> float:
        """How soon an INVITE gets a 100 if it has got nothing else (17.2.1)."""
        return _INVITE_TRYING_DELAY

    @property
    def non_invite_trying(self) -> float:
        """How soon any other request gets a 100, neither earlier nor later.

        RFC 4320 section 4.1: "the amount of time it takes a client transaction's Timer
        E to be reset to T2"; 3.5 s with the usual T1 and T2.
        """
        elapsed = 0.0
        wait = self.t1
        while wait < self.t2:
            elapsed += wait
            wait *= 2
        return elapsed

    @property
    def non_invite_expiry(self) -> float:
        """From that 100 on, how long until the client has stopped waiting (timer F)."""
        return max(0.0, 64 * self.t1 - self.non_invite_trying)


#: With the T1, T2 and T4 of RFC 3261 table 4.
USUAL_TIMERS = Timers()
