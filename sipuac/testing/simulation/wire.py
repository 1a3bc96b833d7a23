"""SIP messages as the simulated peers read and write them.

They share nothing with `sipuac.syntax`: a mistake there would not be seen by peers that
make the same one. It is a reader for messages that are well-formed on purpose, and it
reads what peers need: start line, tags, CSeq, top Via.
"""

from __future__ import annotations

from collections.abc import Iterable

Row = tuple[str, str]
Rows = list[Row]

COOKIE = "z9hG4bK"
SDP_TYPE: Row = ("Content-Type", "application/sdp")

_REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    302: "Moved Temporarily",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


class WireMessage:
    """One message.

    Attributes:
        start: The start line.
        rows: The header fields, without Content-Length.
        body: The body.
        status: 0 for a request.
        method: The method, of a response that of its CSeq.
        number: The CSeq number.
        call_id, from_tag, to_tag, branch: What identifies it; "" where it has none.
    """

    __slots__ = (
        "_octets",
        "body",
        "branch",
        "call_id",
        "from_tag",
        "method",
        "number",
        "rows",
        "start",
        "status",
        "to_tag",
    )

    def __init__(
        self, start: str, rows: Rows, body: bytes = b"", octets: bytes | None = None
    ) -> None:
        self.start = start
        self.rows = rows
        self.body = body
        self._octets = octets
        fields = dict(reversed(rows))
        self.call_id = fields.get("Call-ID", "")
        self.from_tag = tag_of(fields.get("From", ""))
        self.to_tag = tag_of(fields.get("To", ""))
        self.branch = branch_of(fields.get("Via", ""))
        number, _, self.method = fields.get("CSeq", "0 ").partition(" ")
        self.number = int(number)
        self.status = int(start[8:11]) if start.startswith("SIP/2.0 ") else 0

    @property
    def octets(self) -> bytes:
        """The message as it goes over the wire."""
        if self._octets is None:
            lines = [self.start]
            lines += [f"{name}: {value}" for name, value in self.rows]
            lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
            self._octets = "\r\n".join(lines).encode() + self.body
        return self._octets

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.start.split(" ", 2)[1]

    def get(self, name: str) -> str:
        """The first value of a field, "" where there is none."""
        for key, value in self.rows:
            if key == name:
                return value
        return ""

    def get_all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for key, value in self.rows if key == name]

    def with_rows(self, rows: Rows) -> WireMessage:
        """The message with other header fields."""
        return WireMessage(self.start, rows, self.body)

    def forwarded(self, rows: Rows, branch: str) -> WireMessage:
        """The message with other Via values, and more that identifies nothing."""
        copy = WireMessage.__new__(WireMessage)
        copy.start, copy.rows, copy.body = self.start, rows, self.body
        copy.call_id, copy.branch = self.call_id, branch
        copy.from_tag, copy.to_tag = self.from_tag, self.to_tag
        copy.number, copy.method, copy.status = self.number, self.method, self.status
        copy._octets = None
        return copy

    def without_top_via(self) -> WireMessage:
        """A response as it is forwarded."""
        rows = self.rows.copy()
        for index, (name, _) in enumerate(rows):
            if name == "Via":
                del rows[index]
                break
        return self.forwarded(rows, branch_of(self._top_via(rows)))

    @staticmethod
    def _top_via(rows: Rows) -> str:
        return next((value for name, value in rows if name == "Via"), "")

    def __str__(self) -> str:
        tags = f"{self.from_tag}/{self.to_tag}" if self.to_tag else self.from_tag
        words = [self.start, f"({self.number} {self.method}, {tags})"]
        words += [f"{name}={self.get(name)}" for name in ("RSeq", "RAck")]
        if self.body:
            words.append("with SDP")
        return " ".join(word for word in words if not word.endswith("="))


def read(octets: bytes) -> WireMessage:
    """Read a message of one of our own."""
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    rows: Rows = []
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        if name != "Content-Length":
            rows.append((name, value))
    return WireMessage(lines[0], rows, body, octets)


def response_to(
    request: WireMessage,
    status: int,
    to_tag: str = "",
    rows: Iterable[Row] = (),
    body: bytes = b"",
) -> WireMessage:
    """A response, with the fields that RFC 3261 8.2.6.2 has it copy."""
    copied: Rows = []
    for name, value in request.rows:
        if name == "To" and to_tag and not request.to_tag:
            copied.append((name, f"{value};tag={to_tag}"))
        elif name in ("Via", "From", "To", "Call-ID", "CSeq"):
            copied.append((name, value))
    copied += rows
    start = f"SIP/2.0 {status} {_REASONS.get(status, 'Unnamed')}"
    return WireMessage(start, copied, body)


def tag_of(value: str) -> str:
    """The tag of a From or To field."""
    return value.partition(";tag=")[2].partition(";")[0]


def branch_of(via: str) -> str:
    """The branch of a Via field."""
    return via.partition(";branch=")[2].partition(";")[0]


def host_of(uri: str) -> str:
    """The host of a SIP URI, in angle brackets or not."""
    text = uri.partition("<")[2] or uri
    text = text.partition(">")[0].partition(":")[2].partition(";")[0]
    return text.rpartition("@")[2].partition(":")[0]


def sent_by(via: str) -> str:
    """The host that a Via field says."""
    return via.partition(" ")[2].partition(";")[0].partition(":")[0]


def uri_of(address: str) -> str:
    """The URI of a name-addr: Contact, Route, Record-Route."""
    if "<" in address:
        return address.partition("<")[2].partition(">")[0]
    return address.partition(";")[0]
