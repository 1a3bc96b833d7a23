"""What the session descriptions of the callees mean, each in its own dialog.

"Exactly one offer/answer exchange" happens in each dialog while the INVITE is open; the
rules are in `sipuac.sdp.exchange`, which every dialog has for itself (RFC 6337 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog.branch import Branch
from sipuac.dialog.descriptions import description_of
from sipuac.errors import NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.difference import difference
from sipuac.sdp.exchange import Agreement, Exchange
from sipuac.sdp.patterns import Carrier, Role
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class Exchanges:
    """The offer/answer exchanges of a dialog set."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    def begin(self) -> Exchange:
        """The exchange of a new dialog: our INVITE is out."""
        exchange = Exchange(keeps_preview=self._set.options.answer == "first")
        exchange.sent(Carrier.INVITE, self._set.offer)
        return exchange

    def fault_of(self, branch: Branch) -> str | None:
        """Why the callee's answer cannot be used with our offer; None where it can.

        No media is asked about one that cannot.
        """
        offer = self._set.offer
        if offer is None or branch.remote is None:
            return None
        judged = branch.judged
        if judged is None or judged[0] is not branch.remote:
            fault = Agreement(offer, branch.remote).fault_of_remote()
            judged = branch.judged = (branch.remote, fault)
        return judged[1]

    def take(self, branch: Branch, response: Response, carrier: Carrier) -> bool:
        """Take the session description of a response for what it is, if it has one.

        Returns:
            Whether it is the first that counts in its dialog.
        """
        description, oddity = description_of(response)
        if oddity is not None:
            self._outbox.warn(oddity, branch.tag)
        try:
            role = branch.exchange.received(carrier, description)
        except NegotiationError as error:
            # A 2xx that leaves the exchange open is dealt with by who asked.
            if description is not None:
                self._outbox.warn(f"a session description: {error}", branch.tag)
            return False
        if description is None:
            return False
        if branch.remote is None:
            return self._take_first(branch, description, role)
        agreed = branch.exchange.agreed
        changed = difference(branch.remote, description)
        if role is Role.ANSWER and agreed is not None and agreed.remote is description:
            branch.remote = description
            if changed:
                self._set.calls.replace_answer(branch)
        elif changed:
            # RFC 3261 13.2.1: the UAC "MUST treat the first session description it
            # receives as the answer, and MUST ignore any session descriptions in
            # subsequent responses to the initial INVITE."
            message = f"a later session description is ignored: {changed}"
            self._outbox.warn(message, branch.tag)
        return False

    def _take_first(
        self, branch: Branch, description: SessionDescription, role: Role
    ) -> bool:
        if role is Role.IGNORED:
            # RFC 6337 3.1.2: without an offer in the INVITE "the first reliable
            # response" carries it; before that a description is nothing.
            message = "a session description in an unreliable response is discarded"
            self._outbox.warn(message, branch.tag)
            return False
        branch.remote = description
        return True
