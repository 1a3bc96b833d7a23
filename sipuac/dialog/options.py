"""What was asked for of one INVITE, as far as its dialogs need to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipuac.dialog.fork_policy import POLICIES, FirstAnswer, ForkPolicy
from sipuac.errors import LocalProtocolError

_POLICY_ATTRIBUTES = (
    "name",
    "needs_early_media",
    "needs_replaceable_answer",
    "needs_forkable_offer",
    "decide",
)


_TIMES = (
    "answer_timeout",
    "fork_hold",
    "fork_grace",
    "linger",
    "media_timeout",
    "t1",
    "t2",
)


@dataclass(frozen=True, slots=True)
class InviteOptions:
    """Times are seconds.

    Attributes:
        policy: What to do about forks.
        answer: "first" or "final": whether the first description in a reliable response
            replaces one that came before it in an unreliable one.
        is_offerless: Whether the callees make the offers: the INVITE has none.
        has_early_media: Whether the first answer in a provisional response starts
            the media.
        can_replace_answer, can_fork_offer: What the media can do.
        extra_ringing: "end" or "keep": what to do with extras that only ring.
        answer_timeout: CANCEL when nobody has answered after so long.
        waited: How much of that earlier attempts of the same call took.
        fork_hold: How long a newcomer waits for news of the media dialog.
        fork_grace: How long the media dialog has to answer after an extra did.
        max_extras: How many extras are ended before the call fails.
        max_dialogs: How many dialogs are followed; further early ones are not, and
            further 2xx are acknowledged and ended.
        media_timeout: How long the media may take to make an offer or to answer one of
            a callee, and once the callee has answered to take its answer.
        linger: 64*T1: how long 2xx may still come after a final response, and how long
            a 2xx of ours waits for its ACK.
        t1, t2: Between repeated 2xx of ours: at first, and at most.
    """

    policy: ForkPolicy = field(default_factory=FirstAnswer)
    answer: str = "first"
    is_offerless: bool = False
    has_early_media: bool = False
    can_replace_answer: bool = True
    can_fork_offer: bool = True
    extra_ringing: str = "end"
    answer_timeout: float = 180.0
    waited: float = 0.0
    fork_hold: float = 4.0
    fork_grace: float = 4.0
    max_extras: int = 8
    max_dialogs: int = 64
    linger: float = 32.0
    media_timeout: float = 8.0
    t1: float = 0.5
    t2: float = 4.0

    def check(self) -> None:
        """Refuse what cannot be, before anything is sent.

        Raises:
            LocalProtocolError: The options contradict each other or the media.
        """
        policy = self.policy
        for name in _POLICY_ATTRIBUTES:
            if not hasattr(policy, name):
                raise LocalProtocolError(f"on_fork is no fork policy: it has no {name}")
        if policy.needs_early_media and not self.has_early_media:
            raise LocalProtocolError(f"on_fork={policy.name} needs early_media")
        if self.is_offerless and self.has_early_media:
            raise LocalProtocolError(
                "early_media means an offer in the INVITE: not without_sdp"
            )
        if self.is_offerless and policy.needs_forkable_offer:
            raise LocalProtocolError(
                f"on_fork={policy.name} needs an offer in the INVITE: not without_sdp"
            )
        if policy.needs_replaceable_answer and not self.can_replace_answer:
            raise LocalProtocolError(
                f"on_fork={policy.name} needs media that can replace its answer"
            )
        if policy.needs_forkable_offer and not self.can_fork_offer:
            raise LocalProtocolError(
                f"on_fork={policy.name} needs media that can fork its offer"
            )
        if self.answer not in ("first", "final"):
            raise LocalProtocolError("answer is 'first' or 'final'")
        if self.answer == "final" and self.has_early_media:
            if not self.can_replace_answer:
                raise LocalProtocolError(
                    "answer='final' with early_media needs media that can replace its "
                    "answer"
                )
        if self.extra_ringing not in ("end", "keep"):
            raise LocalProtocolError("extra_ringing is 'end' or 'keep'")
        for name in _TIMES:
            if not 0 < getattr(self, name) < 2**31:
                raise LocalProtocolError(f"{name} must be a positive number of seconds")
        if self.max_extras < 0:
            raise LocalProtocolError("max_extras cannot be negative")


def default_policy(*, has_early_media: bool) -> ForkPolicy:
    """The policy where the user names none."""
    return POLICIES["cancel-extras" if has_early_media else "first-answer"]
