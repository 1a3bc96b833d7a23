"""The messages that are parsed and rendered, 512 variants of each.

Variants differ in their tags, branches and numbers. There are more of them than our
parser keeps of anything that differs, so that keeping values does not help it here.
"""

from __future__ import annotations

VARIANTS = 512

_SDP = (
    "v=0\r\no=callee {n} 1 IN IP4 192.0.2.{host}\r\ns=-\r\nc=IN IP4 192.0.2.{host}\r\n"
    "t=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)

_PROGRESS = """SIP/2.0 183 Session Progress
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa{n}x8f3k2;received=192.0.2.1
Via: SIP/2.0/TCP proxy.example.com:5060;branch=z9hG4bKb{n}77;received=198.51.100.7
Via: SIP/2.0/UDP 203.0.113.9:5062;rport=5062;branch=z9hG4bKc{n}caller1
Record-Route: <sip:p3.example.com;lr;ftag=f{n}>
Record-Route: <sip:p2.example.com;lr>
Record-Route: <sip:p1.example.com;lr;transport=tcp>
From: "Caller {n}" <sip:caller@example.com>;tag=f{n}from
To: <sip:callee{n}@example.net>;tag=t{n}callee
Call-ID: {n}-84b4c76e66710@203.0.113.9
CSeq: {n} INVITE
Contact: <sip:callee@192.0.2.{host}:5064;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK
Supported: 100rel, timer, replaces
Server: Phone/4.2.{n}
Content-Type: application/sdp
"""

_ANSWER = """SIP/2.0 200 OK
Via: SIP/2.0/UDP 203.0.113.9:5062;rport=5062;branch=z9hG4bKd{n}caller
Record-Route: <sip:p1.example.com;lr>
From: <sip:caller@example.com>;tag=f{n}from
To: <sip:callee{n}@example.net>;tag=t{n}callee
Call-ID: {n}-84b4c76e66710@203.0.113.9
CSeq: {n} INVITE
Contact: <sip:callee@192.0.2.{host}:5064>
Content-Type: application/sdp
"""

_BIG_HEAD = """INVITE sip:+49301234{n}@gateway.example.com;user=phone SIP/2.0
v: SIP/2.0/UDP [2001:db8::{n}]:5060;branch=z9hG4bKe{n};received=2001:db8::9
Via: SIP/2.0/TLS edge.example.org:5061;branch=z9hG4bKf{n},
 SIP/2.0/TCP inner.example.org;branch=z9hG4bKg{n}
v: SIP/2.0/UDP 203.0.113.9:5062;rport;branch=z9hG4bKh{n}
Record-Route: <sip:p4.example.com;lr>, <sip:p3.example.com;lr;did=a{n}>
Record-Route: <sip:p2.example.com;lr>
Route: <sip:next.example.com;lr>, <sip:last.example.com;lr>
Max-Forwards: 66
f: "Doe, J.; office {n}" <sip:jdoe@example.org>;tag=g{n}
t: <sip:+49301234{n}@example.com;user=phone>
i: {n}-big-a84b4c76e66710
CSeq: {n} INVITE
m: <sip:jdoe@203.0.113.9:5062;ob>;+sip.instance="<urn:uuid:0-{n}>"
k: 100rel, timer, replaces, norefersub,
 outbound, path
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, NOTIFY, REFER
Subject: A call with a long
 and folded subject
P-Asserted-Identity: "J. Doe" <sip:jdoe@example.org>
P-Asserted-Identity: <tel:+4930123{n}>
Privacy: none
Session-Expires: 1800;refresher=uac
Min-SE: 90
User-Agent: Softphone/7.1 ({n})
c: application/sdp
"""


def _octets(head: str, n: int) -> bytes:
    values = {"n": 1000 + n, "host": n % 250 + 1, "port": 40000 + 2 * n}
    body = _SDP.format(**values)
    lines = head.format(**values).replace("\n", "\r\n")
    return f"{lines}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _big_head() -> str:
    """46 header lines, the last one being Content-Length."""
    head = _BIG_HEAD
    count = sum(not line.startswith(" ") for line in head.splitlines()[1:])
    extra = (f"X-Extra-{index}: value {index} of {{n}}" for index in range(45 - count))
    return head + "\n".join(extra) + "\n"


CASES: dict[str, list[bytes]] = {
    name: [_octets(head, n) for n in range(VARIANTS)]
    for name, head in (("183", _PROGRESS), ("200", _ANSWER), ("big", _big_head()))
}

INVITE_HEADERS: list[list[tuple[str, str]]] = [
    [
        ("Via", f"SIP/2.0/UDP 203.0.113.9:5062;rport;branch=z9hG4bKi{n}"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:caller@example.com>;tag=f{n}"),
        ("To", f"<sip:callee{n}@example.net>"),
        ("Call-ID", f"{n}-84b4c76e66710@203.0.113.9"),
        ("CSeq", f"{n} INVITE"),
        ("Contact", "<sip:caller@203.0.113.9:5062>"),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"),
        ("Supported", "199"),
        ("User-Agent", "sipuac"),
        ("Expires", "180"),
        ("Content-Type", "application/sdp"),
    ]
    for n in range(VARIANTS)
]
INVITE_BODY = _SDP.format(n=1, host=1, port=40000).encode()
