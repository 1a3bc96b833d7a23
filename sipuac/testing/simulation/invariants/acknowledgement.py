"""Each 2xx that we remember the INVITE of is acknowledged, and again each time."""

from __future__ import annotations

from sipuac.testing.simulation.invariants.base import TOLERANCE, Invariant, Report, View
from sipuac.testing.simulation.ledger import InviteFacts
from sipuac.testing.simulation.peer import LIMIT
from sipuac.testing.simulation.wire import WireMessage

# How long the media may take to make the answer that an ACK carries (seconds).
_MEDIA_TIMEOUT = 8.0
# How long a connection may take where there is none any more.
_CONNECT_TIMEOUT = 35.0

Key = tuple[str, str, int]


class Acknowledgement(Invariant):
    """RFC 3261 13.2.2.4: "The UAC core MUST generate an ACK request for each 2xx".

    And for each retransmission of it, the same octets. With the offer in the INVITE
    nothing is waited for but a connection; an answer that goes into the ACK may take
    the media its time.
    """

    _owed: dict[Key, float]
    _firsts: dict[Key, bytes]
    _came: set[Key]

    def __init__(self, view: View, report: Report) -> None:
        super().__init__(view, report)
        self._owed = {}
        self._firsts = {}
        self._came = set()
        # When the first final response of an INVITE came, by its branch.
        self._ended: dict[str, float] = {}

    def comes(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.method != "INVITE" or message.status < 200:
            return
        facts = self.ledger.invites.get(message.branch)
        if facts is None:
            return
        now = self.ledger.now
        key = (message.call_id, message.to_tag, message.number)
        is_remembered = self._is_remembered(facts, key)
        known_since = self._ended.get(message.branch, facts.sent_at)
        is_in_time = not facts.is_initial and now - facts.sent_at < LIMIT - TOLERANCE
        if is_remembered or is_in_time:
            self._ended.setdefault(message.branch, now)
        if message.status >= 300:
            return
        self._came.add(key)
        if is_remembered:
            self._owed.setdefault(key, now)
        else:
            self.view.figures["2xx after all was forgotten"] += 1
            is_early = facts.is_initial and now - known_since < LIMIT - TOLERANCE
            is_early = is_early and not self._has_failed(message.call_id)
            self.need(not is_early, "an INVITE was forgotten before 64*T1 were over")

    def _has_failed(self, call_id: str) -> bool:
        """Whether the call failed 64*T1 ago: that long its INVITEs are remembered."""
        user = self.view.user_of(call_id)
        at = None if user is None else user.failed_at
        return at is not None and self.ledger.now - at >= LIMIT - TOLERANCE

    def _is_remembered(self, facts: InviteFacts, key: Key) -> bool:
        """Whether we still know the INVITE, and not only its dialog."""
        known_since = self._ended.get(facts.invite.branch)
        now = self.ledger.now
        if not facts.is_initial:
            # A re-INVITE is over with its transaction, which a broken connection ends.
            is_known = key in self._firsts or not self.view.scenario.resets
            since = facts.sent_at if known_since is None else known_since
            return is_known and now - since < LIMIT - TOLERANCE
        if not self.view.agent.remembers(key[0]):
            return False
        # 13.2.2.4: after 64*T1 "no more new 2xx responses are expected to arrive".
        if known_since is not None:
            return now - known_since < LIMIT - TOLERANCE
        # One that failed without a word is remembered for so long, too.
        is_latest = self.ledger.first_invites[key[0]][-1] is facts
        return is_latest or now - facts.sent_at < 2 * LIMIT - TOLERANCE

    def was_handled(self, message: WireMessage) -> None:
        """See `Watcher`."""
        if message.method != "INVITE" or not 200 <= message.status < 300:
            return
        facts = self.ledger.invites.get(message.branch)
        key = (message.call_id, message.to_tag, message.number)
        if facts is None or key not in self._owed or self._may_wait(facts.has_offer):
            return
        del self._owed[key]
        self.need(False, f"no ACK for {message.start} of {message.to_tag}")

    def _may_wait(self, has_offer: bool) -> bool:
        return not has_offer or self.view.scenario.transport != "UDP"

    def sent(self, message: WireMessage, *, is_new: bool) -> None:
        """See `Watcher`."""
        if message.status or message.method != "ACK":
            return
        if message.branch in self.ledger.invites:
            return  # of a failure: the transaction's own
        key = (message.call_id, message.to_tag, message.number)
        self.need(key in self._came, "an ACK of no 2xx", message)
        first = self._firsts.setdefault(key, message.octets)
        self.need(first == message.octets, "another ACK for the same 2xx", message)
        since = self._owed.pop(key, None)
        # One that found no way goes with the next 2xx or BYE that finds one.
        has_way = not self.view.agent.counters["acks-undeliverable"]
        if since is not None and has_way:
            waited = self.ledger.now - since
            limit = _MEDIA_TIMEOUT
            if self.view.scenario.transport != "UDP":
                limit += _CONNECT_TIMEOUT
            self.need(
                waited <= limit + TOLERANCE, f"an ACK took {waited:g} s: {message}"
            )

    def ended(self) -> None:
        """See `Watcher`."""
        if self.view.agent.counters["acks-undeliverable"]:
            self.view.figures["ACKs without a way"] += len(self._owed)
            return
        for key in self._owed:
            self.need(False, f"no ACK ever for the 2xx of {key}")
