"""The media plug-in: what sipuac asks of whoever sends and plays the media.

A session never guesses whether it is asked for an offer or for an answer: each has a
method of its own. Media does not know dialogs; a branch of a forked call is named by a
string. Every method that returns a value may return a Deferred of it, so that a media
engine in another process has its time.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from sipuac.sdp.description import SessionDescription


class IMediaSession(Interface):
    """The media of one dialog.

    A session may receive from the start but neither plays nor sends before its answer
    is applied. To refuse a description, raise `MediaRefused` or fail the Deferred with
    it; any other exception counts as a refusal too, and is logged.
    """

    def apply_answer(answer: SessionDescription) -> Deferred[None] | None:
        """Take the peer's answer to our offer, and start.

        Once the callee has answered, a session that is not done within 8 s counts as
        one that has refused: the call is ended. Before that the caller waits.
        """

    def replace_answer(answer: SessionDescription) -> Deferred[None] | None:
        """Take another answer to the same offer in place of the one applied before.

        Called only where the factory says `can_replace_answer`.
        """

    def make_answer(
        offer: SessionDescription,
    ) -> Deferred[SessionDescription] | SessionDescription:
        """The answer to the peer's offer; the session starts with it.

        Called again for each later offer of the peer. A session that is held answers
        held: each stream sendonly or inactive. One that has not answered within 8 s
        counts as one that has refused.
        """

    def make_offer(
        is_held: bool,
    ) -> Deferred[SessionDescription] | SessionDescription:
        """A new offer in a session that runs (RFC 3264 section 8): what we have now.

        Nothing changes until its answer is applied by `apply_answer`, or it is given up
        by `rollback`; one of both follows. A session that has not made it within 8 s
        counts as one that has refused. The caller sees to the version in the o= line.

        Args:
            is_held: Whether each stream is to be held: sendonly, or inactive. Once the
                answer is applied, the session is held or not as this said.
        """

    def rollback() -> Deferred[None] | None:
        """Go back to the last completed exchange (RFC 6141 section 3.4).

        Called after `make_offer`, where that offer was refused or its answer was; and
        after `make_answer`, where that answer was not sent.
        """

    def close() -> None:
        """End: stop sending and receiving, free everything. Called exactly once."""

    def send_dtmf(digits: str) -> Deferred[None] | None:
        """Send these digits (0-9, *, #, A-D) to the peer (RFC 4733)."""


class ILocalOffer(Interface):
    """One offer of ours, before and while it is answered."""

    description: SessionDescription = Attribute("The offer as it goes into the INVITE.")

    def open(branch: str) -> IMediaSession:
        """The media session of one dialog that may answer this offer.

        Called at most once for each branch, and for a second one while the first is
        open only where the factory says `can_fork_offer`.
        """

    def close() -> None:
        """No further branch will be opened; sessions that are open live on."""


class IMediaFactory(Interface):
    """Makes the media of calls."""

    can_replace_answer: bool = Attribute(
        "Whether a session can take another answer to its offer in place of the first; "
        "plain RTP can, and so can WebRTC with provisional answers."
    )
    can_fork_offer: bool = Attribute(
        "Whether one offer can have several answers at once, a session for each."
    )

    def offer() -> Deferred[ILocalOffer] | ILocalOffer:
        """A fresh offer for one call.

        A second one of the same call is asked for where the media can use the first in
        one dialog only, and the call is taken in another (the fork policy `adopt`).
        """

    def open(branch: str) -> IMediaSession:
        """The media session of one dialog in which the peer makes the offer."""
