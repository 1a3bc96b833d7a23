"""Which message carries an offer, which an answer: the exchange of one dialog.

One `Exchange` belongs to one dialog and hears of every message in it that can carry a
session description, with or without one. It says what the description is, or refuses
the message with the rule that it breaks. The rules are the table of
`sipuac.sdp.patterns`.
"""

from __future__ import annotations

from sipuac.errors import LocalProtocolError, NegotiationError
from sipuac.sdp.checks import check_streams
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.patterns import (
    OPEN_STATES,
    RULES,
    UPDATING_STATES,
    Carrier,
    Event,
    Role,
    State,
    transitions,
)
from sipuac.values import value

_FROM_INVITER = frozenset({Carrier.ACK, Carrier.PRACK})
_REFUSABLE = {Carrier.INVITE: Event.INVITE, Carrier.UPDATE: Event.UPDATE_SDP}


@value(frozen=True, slots=True)
class Agreement:
    """Both descriptions of a completed exchange."""

    local: SessionDescription
    remote: SessionDescription

    def fault_of_remote(self) -> str | None:
        """Why the peer's answer cannot be used with our offer; None where it can.

        RFC 3264 section 6: "For each "m=" line in the offer, there MUST be a
        corresponding "m=" line in the answer."
        """
        try:
            check_streams(self.local, self.remote)
        except NegotiationError as error:
            return str(error)
        return None


class Exchange:
    """The offer/answer exchange of one dialog.

    Attributes:
        state: What the table moves.
        agreed: The last completed exchange, None before the first; a preview of the
            answer does not complete one.
        offer: The open offer, None where none is.
        preview: The description that previewed the answer to it, if any.
        is_offer_ours: Whether we made the last offer.
    """

    __slots__ = (
        "_before_invite",
        "_is_inviter",
        "_is_updater",
        "_keeps_preview",
        "agreed",
        "is_offer_ours",
        "offer",
        "preview",
        "state",
    )

    def __init__(self, *, keeps_preview: bool = True) -> None:
        """An exchange that has not begun.

        Args:
            keeps_preview: Whether a preview of the answer stands when the answer itself
                differs (RFC 6337 3.1.1); otherwise the answer replaces it.
        """
        self.state = State.IDLE
        self.agreed: Agreement | None = None
        self.offer: SessionDescription | None = None
        self.preview: SessionDescription | None = None
        self.is_offer_ours = False
        self._keeps_preview = keeps_preview
        self._is_inviter = False
        self._is_updater = False
        self._before_invite: Agreement | None = None

    @property
    def is_open(self) -> bool:
        """Whether an offer waits for its answer."""
        return self.state in OPEN_STATES

    def sent(self, carrier: Carrier, description: SessionDescription | None) -> Role:
        """Record what we are about to send; call it before sending.

        Args:
            carrier: The message.
            description: What it carries, None for nothing.

        Returns:
            What the message means to the model; never `IGNORED`.

        Raises:
            NegotiationError: The message must not be sent; nothing is changed.
        """
        return self._record(carrier, description, is_sent=True)

    def received(
        self, carrier: Carrier, description: SessionDescription | None
    ) -> Role:
        """Record what the peer sent.

        Args:
            carrier: The message.
            description: What it carries, None for nothing.

        Returns:
            What the message means to the model.

        Raises:
            NegotiationError: The message breaks the model; nothing is changed.
                `refusal_status` says how a request is answered.
        """
        return self._record(carrier, description, is_sent=False)

    def failed(self, carrier: Carrier) -> None:
        """Record that a request got no 2xx: its offer is rejected, the session stays.

        After an INVITE the session is what it was before it, exchanges made while it
        was under way included (RFC 6337 3.4).

        Args:
            carrier: `INVITE`, `UPDATE` or `PRACK`, whoever sent it.
        """
        if carrier is Carrier.INVITE:
            is_first = self._before_invite is None
            event = Event.INVITE_FAILED if is_first else Event.REINVITE_FAILED
        elif carrier is Carrier.UPDATE:
            event = Event.UPDATE_FAILED
        elif carrier is Carrier.PRACK:
            event = Event.PRACK_FAILED
        else:
            raise LocalProtocolError(f"a {carrier.value} does not fail")
        row = transitions[self.state].get(event)
        if row is None:  # it had no exchange open
            return
        self.state = row[0]
        if not self.is_open:
            self.offer = self.preview = None
        if carrier is Carrier.INVITE:
            self.agreed = self._before_invite

    def refusal_status(self, carrier: Carrier) -> int | None:
        """What a request of the peer with an offer, or an INVITE, is to be answered.

        491 where what is under way is ours, 500 (with Retry-After) where it is the
        peer's (RFC 6337 4.3, RFC 3311 5.2).

        Returns:
            The status; None where the request may come now, or cannot be refused.
        """
        event = _REFUSABLE.get(carrier)
        if event is None or event in transitions[self.state]:
            return None
        if self.state in UPDATING_STATES:
            return 491 if self._is_updater else 500
        return 491 if self._is_inviter else 500

    def _record(
        self, carrier: Carrier, description: SessionDescription | None, *, is_sent: bool
    ) -> Role:
        if carrier is Carrier.UPDATE and description is None:
            return Role.NOTHING  # it refreshes the target and no more
        event = Event[carrier.name + ("" if description is None else "_SDP")]
        row = transitions[self.state].get(event)
        if row is None and event is Event.UPDATE_OK:
            # Of an UPDATE without an offer, unless one with an offer is under way.
            if self.state not in UPDATING_STATES or self._is_updater is is_sent:
                return Role.NOTHING
        self._check_side(carrier, is_sent)
        # For one who sends, what the receiver would have to ignore is a fault.
        if row is None or (is_sent and row[1] is Role.IGNORED):
            raise self._refusal(carrier, event)
        self.state, role = row
        self._keep(carrier, role, description, is_sent)
        return role

    def _check_side(self, carrier: Carrier, is_sent: bool) -> None:
        """Refuse a message from the side that cannot send it now."""
        if carrier in (Carrier.INVITE, Carrier.UPDATE):
            return
        if carrier is Carrier.UPDATE_OK:
            is_ours = not self._is_updater
        else:
            is_ours = self._is_inviter is (carrier in _FROM_INVITER)
        if is_ours is not is_sent:
            raise NegotiationError(
                f"{carrier.value} from the wrong side of the exchange", "RFC 6337 2.2"
            )

    def _refusal(self, carrier: Carrier, event: Event) -> NegotiationError:
        """Why the table has no row for this event in this state."""
        with_what = "with" if event.name.endswith("_SDP") else "without"
        what = f"{carrier.value} {with_what} SDP in state {self.state.value!r}"
        for states, rule, reason in RULES.get(event, ()):
            if states is None or self.state in states:
                return NegotiationError(f"{what}: {reason}", rule)
        return NegotiationError(f"{what}: none of the six patterns", "RFC 6337 2.2")

    def _keep(
        self,
        carrier: Carrier,
        role: Role,
        description: SessionDescription | None,
        is_sent: bool,
    ) -> None:
        """Remember the description that is an offer, an answer or a preview."""
        if carrier is Carrier.INVITE:
            self._is_inviter = is_sent
            self._before_invite = self.agreed
        elif carrier is Carrier.UPDATE:
            self._is_updater = is_sent
        if role is Role.OFFER:
            self.offer, self.is_offer_ours = description, is_sent
        elif role is Role.PREVIEW:
            self.preview = description
        elif role is Role.ANSWER and description is not None:
            # RFC 6337 3.1.1: where the answer differs from the preview, "the UAC should
            # consider that the SDP is equal to the first SDP".
            is_kept = self._keeps_preview and self.preview is not None
            self._agree((self.preview if is_kept else None) or description)
        elif self.preview is not None and not self.is_open:
            self._agree(self.preview)

    def _agree(self, answer: SessionDescription) -> None:
        """The exchange is complete."""
        assert self.offer is not None  # the table lets no answer come without an offer
        if self.is_offer_ours:
            self.agreed = Agreement(local=self.offer, remote=answer)
        else:
            self.agreed = Agreement(local=answer, remote=self.offer)
        self.offer = self.preview = None
