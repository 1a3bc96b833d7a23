"""Media that is nothing but descriptions: it offers and answers, and sends nothing.

For probes, tests and notification calls that end before anybody speaks, and to try how
a call goes with a media engine of one kind or the other:

- `plain` does what plain RTP can: another answer to its offer in place of the first,
  and several answers at once.
- `single-answer` can neither, as a WebRTC engine without provisional answers.

It is strict with who uses it: what such an engine could not do raises
`LocalProtocolError`.
"""

from __future__ import annotations

import os
from pathlib import Path

from zope.interface import implementer

from sipuac.errors import (
    LocalProtocolError,
    MediaRefused,
    NegotiationError,
    ParseError,
)
from sipuac.media.interfaces import ILocalOffer, IMediaFactory, IMediaSession
from sipuac.sdp.checks import is_refused
from sipuac.sdp.description import DEFAULT_LIMITS, SessionDescription
from sipuac.sdp.exchange import Agreement
from sipuac.sdp.negotiation import (
    answer_to,
    check_streams,
    held,
    plain_audio_offer,
    resumed,
)

#: The kinds of media that can be asked for.
KINDS = ("plain", "single-answer")

_MAX_RECORD = 16


@implementer(IMediaFactory)
class StaticMedia:
    """Makes the media of calls from one description.

    Attributes:
        description: What is offered, and what answers are made from.
        kind: One of `KINDS`.
        open_sessions: How many sessions were opened and not closed.
    """

    def __init__(
        self,
        offer: SessionDescription | None = None,
        kind: str = "plain",
        *,
        address: str = "127.0.0.1",
    ) -> None:
        """Media of one description and kind.

        Args:
            offer: The description, None for a plain audio offer.
            kind: One of `KINDS`.
            address: Our address for the plain audio offer.

        Raises:
            LocalProtocolError: There is no such kind, or no offer with this address.
        """
        if kind not in KINDS:
            raise LocalProtocolError(
                f"no media of kind {kind!r}, only {' and '.join(KINDS)}"
            )
        self.description = offer or plain_audio_offer(address)
        self.kind = kind
        self.open_sessions = 0
        self.can_replace_answer = kind == "plain"
        self.can_fork_offer = kind == "plain"

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], kind: str = "plain"
    ) -> StaticMedia:
        """Media of the description in a file, whatever its line ends.

        Raises:
            LocalProtocolError: The file cannot be read, or is no offer that could be
                sent; one line that names the file and says why.
        """
        try:
            with Path(path).open("rb") as file:
                # One octet more than is allowed, so that the excess is noticed.
                octets = file.read(DEFAULT_LIMITS.max_size + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or str(error)
            raise LocalProtocolError(f"SDP file {path}: {reason}") from error
        try:
            parsed = SessionDescription.parse(octets, is_strict=True)
            offer = SessionDescription.of_lines(parsed.lines)
        except ParseError as error:
            raise LocalProtocolError(f"SDP file {path}: {error}") from error
        if all(stream.is_disabled for stream in offer.media):
            raise LocalProtocolError(f"SDP file {path}: it offers no stream")
        return cls(offer, kind)

    def offer(self) -> StaticOffer:
        """A fresh offer for one call; its text is the same for all."""
        return StaticOffer(self)

    def open(self, branch: str) -> StaticSession:
        """The media session of one dialog in which the peer makes the offer."""
        return StaticSession(self, branch, None)


@implementer(ILocalOffer)
class StaticOffer:
    """One offer, before and while it is answered.

    Attributes:
        description: The offer.
        sessions: The sessions opened for it, by branch.
        is_closed: Whether no further branch can be opened.
    """

    def __init__(self, media: StaticMedia) -> None:
        self.description = media.description
        self.sessions: dict[str, StaticSession] = {}
        self.is_closed = False
        self._media = media

    def open(self, branch: str) -> StaticSession:
        """The media session of one dialog that may answer this offer.

        Raises:
            LocalProtocolError: The branch has one, the offer is closed, or another
                session is open and the offer cannot fork.
        """
        if self.is_closed:
            raise LocalProtocolError(f"branch {branch!r} of a closed offer")
        if branch in self.sessions:
            raise LocalProtocolError(f"branch {branch!r} is opened a second time")
        if not self._media.can_fork_offer:
            for session in self.sessions.values():
                if not session.is_closed:
                    raise LocalProtocolError(
                        f"branch {branch!r} is opened while {session.branch!r} is "
                        f"open, which {self._media.kind} media cannot do"
                    )
        session = StaticSession(self._media, branch, self.description)
        self.sessions[branch] = session
        return session

    def close(self) -> None:
        """No further branch will be opened; sessions that are open live on."""
        self.is_closed = True


@implementer(IMediaSession)
class StaticSession:
    """The media of one dialog, and the record of what was asked of it.

    Attributes:
        branch: What the dialog is called.
        offer: Our last offer, None where only the peer has made any.
        agreed: The exchange in force, None before the first.
        is_held: Whether we hold the session.
        applied: The last answers of the peer that were taken, in order.
        made: The last answers that we made, in order.
        is_closed: Whether `close` was called.
    """

    def __init__(
        self, media: StaticMedia, branch: str, offer: SessionDescription | None
    ) -> None:
        self.branch = branch
        self.offer = offer
        self.agreed: Agreement | None = None
        # A peer may change the session as often as it likes; the record is bounded.
        # Lists, as a deque takes 600 octets also where nothing is in it.
        self.applied: list[SessionDescription] = []
        self.made: list[SessionDescription] = []
        self.is_closed = False
        self.is_held = False
        self._before: Agreement | None = None
        # The state that our open offer asks for; None where none is open.
        self._wanted_held: bool | None = None if offer is None else False
        self._media = media
        media.open_sessions += 1

    def apply_answer(self, answer: SessionDescription) -> None:
        """Take the peer's answer to our offer.

        Raises:
            MediaRefused: Its streams do not fit those of the offer, or it refuses all.
            LocalProtocolError: There is no offer of ours that waits for an answer.
        """
        if self.offer is not None and self._wanted_held is None:
            self._check_open("apply_answer")
            raise LocalProtocolError(f"branch {self.branch!r} has its answer already")
        self._take("apply_answer", answer)
        self.is_held, self._wanted_held = bool(self._wanted_held), None

    def replace_answer(self, answer: SessionDescription) -> None:
        """Take another answer to the same offer in place of the one applied before.

        Raises:
            MediaRefused: As for `apply_answer`; the answer before it stays.
            LocalProtocolError: The kind of media cannot, or no answer was applied.
        """
        if not self._media.can_replace_answer:
            raise LocalProtocolError(
                f"{self._media.kind} media cannot replace the answer of {self.branch!r}"
            )
        if self.agreed is None or self._wanted_held is not None:
            self._check_open("replace_answer")
            raise LocalProtocolError(f"branch {self.branch!r} has no answer to replace")
        self._take("replace_answer", answer)

    def make_answer(self, offer: SessionDescription) -> SessionDescription:
        """The answer to the peer's offer.

        Raises:
            MediaRefused: Nothing that is offered is described by us.
            LocalProtocolError: Our own offer waits for its answer.
        """
        self._check_open("make_answer")
        if self._wanted_held is not None:
            raise LocalProtocolError(f"our offer to {self.branch!r} is not answered")
        previous = None if self.agreed is None else self.agreed.local
        wanted = self._media.description
        if self.is_held:
            wanted = held(wanted)
        try:
            answer = answer_to(offer, wanted, previous)
        except NegotiationError as error:
            raise MediaRefused(str(error)) from error
        _record(self.made, answer)
        self._before = self.agreed
        self.agreed = Agreement(local=answer, remote=offer)
        return answer

    def make_offer(self, is_held: bool) -> SessionDescription:
        """A new offer: the description in force, held or not.

        Raises:
            LocalProtocolError: An offer of ours is open, or nothing is in force.
        """
        self._check_open("make_offer")
        if self._wanted_held is not None or self.agreed is None:
            raise LocalProtocolError(f"branch {self.branch!r} cannot make an offer now")
        current = self.agreed.local
        if is_held:
            self.offer = held(current)
        else:
            self.offer = resumed(current, self._usual(current))
        self._wanted_held = is_held
        return self.offer

    def _usual(self, current: SessionDescription) -> SessionDescription | None:
        """What tells the directions of these streams where nobody holds them."""
        usual = self._media.description
        kinds = [stream.media for stream in usual.media]
        return usual if kinds == [stream.media for stream in current.media] else None

    def rollback(self) -> None:
        """Give up our open offer, or go back to the exchange before the last one.

        Raises:
            LocalProtocolError: There is neither.
        """
        self._check_open("rollback")
        if self._wanted_held is not None and self.agreed is not None:
            self._wanted_held = None
            return
        if self._before is None:
            raise LocalProtocolError(
                f"branch {self.branch!r} has nothing to go back to"
            )
        self.agreed, self._before = self._before, None

    def close(self) -> None:
        """End.

        Raises:
            LocalProtocolError: It was ended before.
        """
        self._check_open("close")
        self.is_closed = True
        self._media.open_sessions -= 1

    def send_dtmf(self, digits: str) -> None:
        """Refuse: there is no stream to send digits on.

        Raises:
            LocalProtocolError: Always.
        """
        self._check_open("send_dtmf")
        raise LocalProtocolError("static media has no stream to send DTMF on")

    def _take(self, what: str, answer: SessionDescription) -> None:
        """Take an answer to our offer, if it fits."""
        self._check_open(what)
        if self.offer is None:
            raise LocalProtocolError(f"{what} where branch {self.branch!r} was offered")
        try:
            check_streams(self.offer, answer)
        except NegotiationError as error:
            raise MediaRefused(str(error)) from error
        if is_refused(answer) and not is_refused(self.offer):
            raise MediaRefused("the answer refuses every stream")
        _record(self.applied, answer)
        self._before = self.agreed
        self.agreed = Agreement(local=self.offer, remote=answer)

    def _check_open(self, what: str) -> None:
        if self.is_closed:
            raise LocalProtocolError(f"{what} of branch {self.branch!r} after close")


def _record(kept: list[SessionDescription], description: SessionDescription) -> None:
    """Keep the latest ones."""
    kept.append(description)
    del kept[:-_MAX_RECORD]
