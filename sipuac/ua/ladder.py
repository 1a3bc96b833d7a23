"""A call as text: who sent what to whom, one line a message, one column a participant.

The ladder is drawn from a trace, so it shows what was on the wire and not what anybody
says of it; the legend below it tells in words what became of each branch, and is made
from the events of the call (`ua/legend.py`). Both name the branches a, b, c and so on
in the order in which their To tags were first seen.

The text is plain ASCII and needs no colour. It is at most `width` columns wide unless
there are more participants than that width can hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sipuac.errors import ParseError
from sipuac.syntax.message import Message, Request, Response
from sipuac.ua.events import CallEvent
from sipuac.ua.trace import TraceEntry

Address = tuple[str, int]

DEFAULT_WIDTH = 100
_TIME_COLUMN = 9
_WIDEST_GAP = 44
_NARROWEST_GAP = 12
_LONGEST_NAME = 24


def draw_ladder(
    entries: Iterable[TraceEntry],
    *,
    names: Mapping[Address, str] | None = None,
    own_name: str = "sipuac",
    events: Sequence[CallEvent] = (),
    width: int = DEFAULT_WIDTH,
) -> str:
    """Draw the messages of one call as a ladder.

    The entries may come from one endpoint or from several whose clock is the same: a
    message seen by its sender and by its receiver is drawn once.

    Args:
        entries: What was seen, in order; all of one call.
        names: What to call the participants at these addresses, in the order of their
            columns. Others are called by address, and our own end `own_name`.
        own_name: What to call the end that the trace was taken at.
        events: Events of the call; branches that only these know get letters as well.
        width: Columns of the terminal.

    Returns:
        Lines that end with newlines; "" where there is nothing to draw.
    """
    seen = list(entries)
    arrows = _arrows(seen, _Participants(seen, names or {}, own_name))
    if not arrows:
        return ""
    columns = _columns(arrows, list((names or {}).values()), own_name)
    layout = _Layout(columns, width)
    letters = branch_letters(seen, events)
    from_tag = _caller_tag(seen)
    lines = [layout.heading()]
    lines.extend(
        layout.line(arrow, _labels(arrow, from_tag, letters)) for arrow in arrows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def branch_letters(
    entries: Iterable[TraceEntry], events: Sequence[CallEvent] = ()
) -> dict[str, str]:
    """Names a, b, c for the branches of a call, by To tag.

    Only responses that make a dialog name a branch (101-299 to INVITE, RFC 3261 section
    12.1): the To tag of a rejection may be that of a proxy.
    """
    tags: dict[str, None] = {}
    for entry in entries:
        message = entry.message
        if (
            isinstance(message, Response)
            and 100 < message.status < 300
            and _method(message) == "INVITE"
        ):
            tag = _to_tag(message)
            if tag is not None:
                tags.setdefault(tag)
    for event in events:
        tag = getattr(event.body, "to_tag", None)
        if tag:
            tags.setdefault(tag)
    return {tag: _letter(index) for index, tag in enumerate(tags)}


def branch_names(
    entries: Iterable[TraceEntry], names: Mapping[Address, str]
) -> dict[str, str]:
    """Who is behind each branch, by To tag, as far as the trace tells.

    That is the named participant which sent the tag first. Where the trace was taken at
    the caller only, all comes from the proxy and nobody is named.
    """
    first_senders: dict[str, str] = {}
    for entry in entries:
        tag = _to_tag(entry.message)
        sender = names.get(entry.source)
        if tag and sender and isinstance(entry.message, Response):
            first_senders.setdefault(tag, sender)
    shared = Counter(first_senders.values())
    return {tag: name for tag, name in first_senders.items() if shared[name] == 1}


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One message from one column to another."""

    time: float
    source: str
    destination: str
    message: Message
    is_repeat: bool


class _Participants:
    """Finds the name of who is at an address."""

    __slots__ = ("_names", "_own_addresses", "_own_name")

    def __init__(
        self,
        entries: Sequence[TraceEntry],
        names: Mapping[Address, str],
        own_name: str,
    ) -> None:
        self._names = names
        self._own_name = own_name
        self._own_addresses = {entry.local for entry in entries} - set(names)

    def at(self, address: Address) -> str:
        """The name of the participant at this address."""
        name = self._names.get(address)
        if name is not None:
            return name
        if address in self._own_addresses:
            return self._own_name
        return format_address(address)

    def source_of(self, entry: TraceEntry) -> str:
        """Who sent this message.

        A request over a connection that the peer opened comes from a port which means
        nothing; its top Via says where the peer listens (RFC 3261 section 18.1.1).
        """
        if (
            not entry.is_sent
            and entry.source not in self._names
            and isinstance(entry.message, Request)
        ):
            sent_by = _sent_by(entry.message)
            if sent_by is not None and sent_by[0] == entry.source[0]:
                return self.at(sent_by)
        return self.at(entry.source)


def format_address(address: Address) -> str:
    """Host and port as text, an IPv6 address in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _arrows(entries: Sequence[TraceEntry], participants: _Participants) -> list[_Arrow]:
    arrows: list[_Arrow] = []
    on_the_way: Counter[object] = Counter()
    drawn: set[object] = set()
    for entry in entries:
        identity = _identity(entry.message)
        if entry.is_sent:
            on_the_way[identity] += 1
        elif on_the_way[identity]:
            # Its sender's entry has drawn it already.
            on_the_way[identity] -= 1
            continue
        arrows.append(
            _Arrow(
                entry.time - entries[0].time,
                participants.source_of(entry),
                participants.at(entry.destination),
                entry.message,
                identity in drawn,
            )
        )
        drawn.add(identity)
    return arrows


def _identity(message: Message) -> object:
    """What two copies of one message have in common, and no two messages do.

    The branch of the top Via differs on each hop, and a retransmission keeps it (RFC
    3261 section 17.1.3). The whole text does not serve: the receiver adds to the Via.
    """
    start = message.status if isinstance(message, Response) else None
    return (
        start,
        _method(message),
        message.get("CSeq"),
        _top_branch(message),
        message.get("From"),
        message.get("To"),
        message.get("RSeq"),
        message.body,
    )


def _columns(
    arrows: Sequence[_Arrow], named: Sequence[str], own_name: str
) -> list[str]:
    present: dict[str, None] = {}
    for arrow in arrows:
        present.setdefault(arrow.source)
        present.setdefault(arrow.destination)
    wanted = [own_name, *named, *present]
    return [name for name in dict.fromkeys(wanted) if name in present]


class _Layout:
    """Where the columns stand, and how a line is drawn across them."""

    __slots__ = ("_gap", "_names", "_positions")

    def __init__(self, names: Sequence[str], width: int) -> None:
        self._names = names
        half = [min(len(name), _LONGEST_NAME) // 2 for name in names]
        first = _TIME_COLUMN + half[0]
        room = width - first - half[-1] - 1
        gaps = max(1, len(names) - 1)
        self._gap = min(_WIDEST_GAP, max(_NARROWEST_GAP, room // gaps))
        self._positions = {
            name: first + index * self._gap for index, name in enumerate(names)
        }

    def heading(self) -> str:
        """The names above their columns, cut where a neighbour needs the room."""
        line = ""
        for name in self._names:
            limit = min(self._gap - 1, 2 * self._positions[self._names[0]])
            shown = name if len(name) <= limit else name[: limit - 1] + "~"
            start = self._positions[name] - len(shown) // 2
            line = line.ljust(start) + shown
        return line

    def line(self, arrow: _Arrow, labels: Sequence[str]) -> str:
        """One message as an arrow with the longest label that it has room for."""
        cells = [" "] * (max(self._positions.values()) + 1)
        for position in self._positions.values():
            cells[position] = "|"
        start = self._positions[arrow.source]
        end = self._positions[arrow.destination]
        left, right = min(start, end), max(start, end)
        if left != right:
            cells[left + 1 : right] = "-" * (right - left - 1)
            tip = right - 1 if end == right else left + 1
            cells[tip] = ">" if end == right else "<"
            self._write(cells, left + 2, right - 2, labels)
        text = f"{arrow.time:7.3f}".ljust(_TIME_COLUMN) + "".join(cells[_TIME_COLUMN:])
        return text if left != right else f"{text} {labels[0]} (to itself)"

    @staticmethod
    def _write(cells: list[str], left: int, right: int, labels: Sequence[str]) -> None:
        """Put a label amid the cells from `left` up to, not including, `right`."""
        room = right - left
        label = next((label for label in labels if len(label) <= room), None)
        if label is None:
            label = labels[-1][:room]
        start = left + (room - len(label)) // 2
        cells[start : start + len(label)] = label


def _labels(
    arrow: _Arrow, from_tag: str | None, letters: Mapping[str, str]
) -> list[str]:
    """What to write on an arrow, the longest first."""
    message = arrow.message
    letter = letters.get(_callee_tag(message, from_tag) or "")
    marks = ""
    if message.body:
        marks += " sdp" if _has_sdp(message) else " body"
    if letter is not None:
        marks += f" [{letter}]"
    if arrow.is_repeat:
        marks += " again"
    if isinstance(message, Request):
        return [f"{message.method}{marks}", message.method]
    assert isinstance(message, Response)
    method = _method(message)
    short = f"{message.status}" if method == "INVITE" else f"{message.status} {method}"
    words = f"{message.status} {message.reason}"
    if method != "INVITE":
        words += f" ({method})"
    return [f"{words}{marks}", f"{short}{marks}", short]


def _letter(index: int) -> str:
    """A to z, then aa, ab and so on."""
    letter = chr(ord("a") + index % 26)
    return letter if index < 26 else _letter(index // 26 - 1) + letter


# A trace also holds messages that do not parse to the end: those are drawn as far as
# they can be read, so each accessor below has an answer for them.


def _method(message: Message) -> str:
    if isinstance(message, Request):
        return message.method
    try:
        return message.cseq.method
    except ParseError:
        return "?"


def _to_tag(message: Message) -> str | None:
    try:
        return message.to_tag
    except ParseError:
        return None


def _from_tag(message: Message) -> str | None:
    try:
        return message.from_tag
    except ParseError:
        return None


def _top_branch(message: Message) -> str | None:
    try:
        return message.branch
    except ParseError:
        return None


def _sent_by(message: Message) -> Address | None:
    try:
        return message.top_via.sent_by
    except ParseError:
        return None


def _has_sdp(message: Message) -> bool:
    return (message.get("Content-Type") or "").lower().startswith("application/sdp")


def _caller_tag(entries: Sequence[TraceEntry]) -> str | None:
    """The From tag of the first INVITE: the caller's."""
    for entry in entries:
        if isinstance(entry.message, Request) and entry.message.method == "INVITE":
            return _from_tag(entry.message)
    return None


def _callee_tag(message: Message, caller_tag: str | None) -> str | None:
    """The tag of the branch: To in the caller's requests, From in the callee's."""
    from_tag = _from_tag(message)
    return _to_tag(message) if from_tag == caller_tag else from_tag
