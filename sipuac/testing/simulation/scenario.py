"""What will happen in one simulated world, as a value.

Times are seconds, counted as each attribute says. A value can be printed, compared, and
made smaller: every default is the tamest choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CALLER = "caller"
"""The host of our user agent."""

DOMAIN = "example.invalid"
"""Whose users are called, through the first hop."""

DEAD = "d0"
"""The host of a server that does not answer."""

FORGER = "forger"
"""The host of who would like to disturb."""


@dataclass(frozen=True, slots=True)
class Say:
    """A response of a phone to the INVITE.

    Attributes:
        at: Seconds since the INVITE came.
        status: 100 to 699.
        sdp: "" for none, "own" for what fits, "other" for another one that fits too,
            "broken" for what cannot be read.
        is_reliable: Whether a provisional response asks for PRACK.
        tag: Which of the phone's To tags: 0 is its own; others are as of forks further
            on.
        flaw: What is wrong with it: "no-contact", "no-tag" or "".
        contacts: Of a 3xx.
    """

    at: float
    status: int
    sdp: str = ""
    is_reliable: bool = False
    tag: int = 0
    flaw: str = ""
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of a phone inside its dialog.

    Attributes:
        at: Seconds since what `since` says.
        method: Its method.
        since: "invite": since the INVITE came; "answer": since its own 2xx; "ack":
            since the first ACK.
        has_offer: Whether it brings a session description.
        tag: In which of its dialogs.
    """

    at: float
    method: str
    since: str = "invite"
    has_offer: bool = False
    tag: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """How a phone answers requests of a method, in place of what is right.

    Attributes:
        method: The method.
        status: The status; 0 for silence; of INVITE also 100 to 199.
        delay: Seconds until then; after a provisional response, until what is right; 0
            there for no more.
        times: How many requests; after them it does what is right.
    """

    method: str
    status: int
    delay: float = 0.0
    times: int = 100


@dataclass(frozen=True, slots=True)
class PhonePlan:
    """What a phone does.

    Attributes:
        name: Its host, and its user part.
        says: Its responses to the INVITE.
        asks: Its own requests.
        replies: Its wrong answers to requests of the caller.
        on_cancel: "terminate" as RFC 3261 9.2 says; "answer": 2xx all the same; "go
            on": it rings on; "ignore": not even an answer to the CANCEL.
        on_early_bye: "terminate": 487 to the INVITE; "go on": it may still answer.
        patience: Seconds until a phone that rings gives up with 480.
        vanishes_at: Seconds since the INVITE when it is gone for ever; None: never.
        waits_for_prack: Whether it sends nothing that must wait for a PRACK before that
            comes (RFC 3262 section 3).
        session_expires: What its 2xx says of a session timer (RFC 4028); "": nothing.
        garbage_at: Seconds since the INVITE when it sends octets that are no SIP.
    """

    name: str
    says: tuple[Say, ...] = ()
    asks: tuple[Ask, ...] = ()
    replies: tuple[Reply, ...] = ()
    on_cancel: str = "terminate"
    on_early_bye: str = "terminate"
    patience: float = 60.0
    vanishes_at: float | None = None
    waits_for_prack: bool = True
    session_expires: str = ""
    garbage_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyPlan:
    """What a proxy does: by the defaults, what RFC 3261 16.7 says.

    Attributes:
        name: Its host.
        groups: Hosts of its targets: one group after the other, all of a group at once.
        record_routes: Whether it stays on the path.
        trying: "own": it sends a 100 of its own; "none"; "tagged": one with a To tag.
        sends_199: Whether it says which early dialogs have ended (RFC 6228).
        ring_time: Seconds until it gives up on a target; None: never.
        on_cancel: "cancel" what is pending; "ignore" or "refuse" the CANCEL.
        cancels_losers: Whether it cancels the other branches after a 2xx.
        is_hasty: Whether it forwards the first final response of any kind at once.
        success: What it forwards: "all" 2xx, as it must; "first": no second one.
        late_success: What it does with a 2xx after 64*T1: "drop" (RFC 6026) or "relay"
            (RFC 3261).
        relays_trying: Whether it forwards the 100 of its targets.
        challenges: Methods of requests that it wants credentials for.
        nonce_lasts: For how many requests a nonce is good.
        hides_forks: Whether it gives all phones one To tag, as border controllers do,
            and forwards the 2xx of one only.
        vanishes_at: Seconds since the first INVITE when it is gone for ever.
    """

    name: str
    groups: tuple[tuple[str, ...], ...] = ()
    record_routes: bool = True
    trying: str = "own"
    sends_199: bool = False
    ring_time: float | None = None
    on_cancel: str = "cancel"
    cancels_losers: bool = True
    is_hasty: bool = False
    success: str = "all"
    late_success: str = "drop"
    relays_trying: bool = False
    challenges: tuple[str, ...] = ()
    nonce_lasts: int = 100
    hides_forks: bool = False
    vanishes_at: float | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """What chance does to packets; see `sipuac.testing.packets.Conditions`.

    Attributes:
        is_everywhere: Whether it is so on all ways, or only around the caller.
    """

    delay: float = 0.01
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    lateness: float = 0.1
    max_segment: int | None = None
    is_everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the first packets of a kind.

    Attributes:
        verdict: "drop", "delay" or "duplicate".
        start: How their start line begins.
        source: The host that sends them; "" for any.
        times: How many packets.
        seconds: Of a delay.
    """

    verdict: str
    start: str
    source: str = ""
    times: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Partition:
    """Nothing passes between these hosts and all others for a while.

    Attributes:
        at: When it begins, seconds since the start.
        seconds: How long it lasts.
        hosts: On one side.
    """

    at: float
    seconds: float
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """The connections of the caller break.

    Attributes:
        at: Seconds since the start.
        is_inside: Whether half of the next message still goes through.
    """

    at: float
    is_inside: bool = False


@dataclass(frozen=True, slots=True)
class Forgery:
    """What somebody sends who knows the Call-ID, but neither tags nor branch.

    Attributes:
        at: Seconds since the start.
        start: A method, or a status with the method that it answers: "200 INVITE".
        is_from_proxy: Whether it seems to come from the first hop.
    """

    at: float
    start: str
    is_from_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What the user does.

    Attributes:
        at: Seconds since what `since` says.
        what: "cancel", "hangup", "bye" (of one session), "end-branch" (of one dialog),
            or "drop-final", "drop-established" (cancelling that Deferred); "hold",
            "resume", "modify", "refresh", "info" of each session.
        since: "invite", or the name of an event of the call: with `at` 0 it is done
            inside the callback that tells of the event.
    """

    at: float
    what: str
    since: str = "invite"


@dataclass(frozen=True, slots=True)
class Reaction:
    """How the media takes its calls of one method.

    Attributes:
        method: Its name.
        how: "late", "refuse", "fail" or "never".
        seconds: Until then.
        times: How many calls; after them it does as asked, at once.
    """

    method: str
    how: str = "late"
    seconds: float = 0.0
    times: int = 100


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call of our user.

    Attributes:
        at: When it is asked for, seconds since the start.
        ends_at: When the user hangs up whatever comes, seconds after that.
        acts: What the user does before.
        on_fork: A policy; "" for the usual one.
        can_replace_answer, can_fork_offer: What the media can do.
        reactions: What it does.
        others: As of `Inviter.invite`.
    """

    at: float = 0.0
    ends_at: float = 10.0
    acts: tuple[Act, ...] = ()
    on_fork: str = ""
    early_media: bool = False
    without_sdp: bool = False
    answer: str = "first"
    reliable: str = "supported"
    extra_ringing: str = "end"
    answer_timeout: float = 180.0
    fork_hold: float = 4.0
    fork_grace: float = 4.0
    max_extras: int = 8
    follow_redirects: bool = False
    session_expires: int | None = None
    can_replace_answer: bool = True
    can_fork_offer: bool = True
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of it.

    Attributes:
        seed: Of what chance does to packets.
        transport: "UDP" or "TCP": how the caller reaches the first hop.
        proxies: The first one is the first hop; none: the first phone is.
        phones: All phones.
        calls: What our user does.
        weather, faults, partitions, resets, forgeries: What else happens.
        password: What our user knows: "right", "late" (after a second) or "none".
        has_dead_server: Whether the first hop's name has another server before it,
            which does not answer.
    """

    seed: int
    transport: str = "UDP"
    proxies: tuple[ProxyPlan, ...] = ()
    phones: tuple[PhonePlan, ...] = ()
    calls: tuple[CallPlan, ...] = field(default_factory=lambda: (CallPlan(),))
    weather: Weather = field(default_factory=Weather)
    faults: tuple[Fault, ...] = ()
    partitions: tuple[Partition, ...] = ()
    resets: tuple[Reset, ...] = ()
    forgeries: tuple[Forgery, ...] = ()
    password: str = "right"
    has_dead_server: bool = False

    @property
    def first_hop(self) -> str:
        """The host that the caller's INVITE goes to."""
        return self.proxies[0].name if self.proxies else self.phones[0].name
