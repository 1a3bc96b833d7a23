"""What the responses to the INVITE mean, each for the dialog that it belongs to.

Provisional responses make early dialogs and tell how they fare; a 2xx makes a confirmed
one, whether it is wanted or not (RFC 3261 sections 12.1 and 13.2.2). Refusals concern
no dialog but the attempt as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipuac.dialog import outcome
from sipuac.dialog.attempt import Phase
from sipuac.dialog.branch import Branch, BranchEvent
from sipuac.dialog.dialog import Dialog
from sipuac.dialog.effects import Progress, RepeatAck
from sipuac.dialog.events import Provisional
from sipuac.dialog.reliable import Verdict
from sipuac.errors import ParseError, RemoteProtocolError
from sipuac.sdp.patterns import Carrier
from sipuac.syntax.message import Response

if TYPE_CHECKING:
    from sipuac.dialog.dialog_set import DialogSet


class InviteResponses:
    """Takes the provisional responses and the 2xx of a dialog set."""

    __slots__ = ("_outbox", "_set")

    def __init__(self, dialog_set: DialogSet) -> None:
        self._set = dialog_set
        self._outbox = dialog_set.outbox

    # Provisional responses

    def provisional(self, response: Response) -> None:
        """A 101 to 199 came."""
        tag = response.to_tag
        branch = None if tag is None else self._set.branches.get(tag)
        verdict = self._set.reliability.judge(branch, response)
        if verdict is Verdict.UNRELIABLE or verdict is Verdict.IN_ORDER:
            self._process(response, branch, is_reliable=verdict is Verdict.IN_ORDER)
        else:
            self._set.attempt.proceed()

    def _process(
        self, response: Response, branch: Branch | None, *, is_reliable: bool
    ) -> None:
        """A provisional response that is to be processed."""
        tag = response.to_tag
        is_199 = response.status == 199
        # A reliable 199 wants its PRACK even where its dialog was not known (RFC 6228).
        is_new = branch is None and tag is not None and (is_reliable or not is_199)
        self._outbox.report(
            Provisional(response.status, response.reason, tag, reliable=is_reliable)
        )
        if tag is None and is_reliable:
            self._outbox.warn("no PRACK can be sent: the response has no To tag")
        if tag is None or is_new or (branch is not None and branch.is_early):
            self._outbox.emit(Progress(response))
        elif branch is None:
            self._outbox.warn("a 199 of an unknown early dialog is discarded", tag)
        self._set.attempt.proceed()
        if is_new and self._is_full():
            self._outbox.warn("there are too many dialogs to follow this one", tag)
        elif is_new and tag is not None:
            branch = self._new_branch(tag)
            branch.order.judge(response)
        if branch is None or not branch.is_early:
            return
        if is_199 and not is_reliable:
            self._terminated(branch, response)
        else:
            self._progressed(branch, response, is_new, is_reliable)

    def _is_full(self) -> bool:
        return len(self._set.branches) >= self._set.options.max_dialogs

    def _new_branch(self, tag: str) -> Branch:
        dialog = Dialog(self._set.invite, tag or None)
        exchange = self._set.exchanges.begin()
        branch = Branch(tag, len(self._set.branches) + 1, dialog, exchange)
        self._set.branches[tag] = branch
        return branch

    def _progressed(
        self, branch: Branch, response: Response, is_new: bool, is_reliable: bool
    ) -> None:
        try:
            branch.dialog.learn(response)
        except ParseError as error:
            self._outbox.warn(f"Record-Route cannot be read: {error}", branch.tag)
        if is_reliable:
            # RFC 6141 4.9: as to a target refresh request within a dialog.
            branch.dialog.refreshed_by("INVITE", response)
        branch.contact = response.get("Contact") or branch.contact
        branch.status = response.status
        branch.learn_allow(response)
        # Where no PRACK can be sent, nothing that it would have to answer counts.
        can_prack = is_reliable and branch.dialog.remote_target is not None
        carrier = Carrier.RELIABLE if can_prack else Carrier.PROVISIONAL
        has_brought = self._set.exchanges.take(branch, response, carrier)
        if is_reliable:
            self._acknowledge_provisional(branch, response, has_brought)
        if response.status == 199:
            self._terminated(branch, response)
        elif not self._set.attempt.is_closing:
            self._set.forks.progressed(branch, response, is_new, has_brought)

    def _acknowledge_provisional(
        self, branch: Branch, response: Response, has_brought: bool
    ) -> None:
        has_offer = self._set.options.is_offerless and has_brought
        self._set.acknowledgements.prack(branch, response, has_offer=has_offer)
        if not has_offer:
            if self._set.options.is_offerless and branch.remote is None:
                message = "the first reliable response should have made the offer"
                self._outbox.warn(message, branch.tag)
        elif self._set.attempt.is_closing or response.status == 199:
            self._set.acknowledgements.refuse(branch)
        else:
            self._set.calls.make_answer(branch)

    def _terminated(self, branch: Branch, response: Response) -> None:
        """A 199: that early dialog ends, no other (RFC 6228 section 4)."""
        causes = [str(r.cause) for r in response.reasons if r.cause is not None]
        code = causes[0] if causes else "unknown"
        # PRACK is the one request that may follow a 199 (RFC 6228 section 7).
        self._set.acknowledgements.refuse(branch)
        self._set.endings.early_gone(branch, "199", f"ended by 199, status {code}")
        self._set.forks.lost(branch)

    # 2xx

    def success(self, response: Response) -> None:
        """A 2xx came, perhaps again, perhaps in a dialog that is not wanted."""
        tag = response.to_tag or ""
        branch = self._set.branches.get(tag)
        if self._set.phase is Phase.FORGOTTEN:
            return
        if branch is not None and branch.is_acked:
            # An ACK that waits for the media goes out as soon as it can.
            if not branch.owes_ack:
                self._outbox.emit(RepeatAck(tag))
            return
        if self._set.attempt.is_over:
            # RFC 3261 13.2.2.4: 64*T1 after the first one "no more new 2xx responses
            # are expected to arrive".
            return
        is_new = branch is None
        is_beyond = is_new and self._is_full()
        if branch is None:
            branch = self._new_branch(tag)
        branch.is_unwanted = branch.is_unwanted or is_beyond
        self._set.attempt.accept()
        has_target = branch.dialog.confirm(response)
        branch.contact = response.get("Contact") or branch.contact
        branch.status = response.status
        branch.learn_allow(response)
        branch.handle(BranchEvent.CONFIRMED)
        is_wanted = not (branch.is_unwanted or self._set.attempt.is_closing)
        if self._set.options.is_offerless:
            has_brought = self._set.exchanges.take(branch, response, Carrier.FINAL)
            self._set.acknowledgements.ack(branch, has_offer=has_brought)
        else:
            self._set.acknowledgements.ack(branch, has_offer=False)
            if is_wanted:
                self._set.exchanges.take(branch, response, Carrier.FINAL)
        if not is_wanted:
            self._release(branch)
        elif not has_target:
            error = RemoteProtocolError("the 2xx has no usable Contact")
            self._set.calls.undo(branch, error, 400)
        elif branch.remote is None:
            self._set.calls.undo(branch, outcome.no_description(response), 488)
        else:
            self._set.forks.answered(branch, response, is_new)

    def _release(self, branch: Branch) -> None:
        """A 2xx of a dialog that is not to be the session: BYE."""
        fate = "answered, but was no longer wanted"
        self._set.endings.release(branch, fate, "The call is no longer wanted")
        if self._set.attempt.closing is not None:
            self._set.attempt.fail(self._set.attempt.closing)
        elif self._set.taken is None:
            self._set.forks.ended_one_answered()
