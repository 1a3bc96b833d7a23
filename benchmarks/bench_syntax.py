"""How fast messages are read and written: `python benchmarks/bench_syntax.py`.

Prints messages per second for three messages, in 64 variants each, so that keeping
whole values from one message to the next would not help. "route" reads what decides
where a message belongs; "full" reads every address and Via as well; "check" is what a
received message costs before it is handed up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sipuac.syntax.message import Message, Request, response_to
from sipuac.syntax.parser import check_received, parse_message

VARIANTS = 64

SDP = (
    "v=0\r\no=alice 2890844526 {n} IN IP4 192.0.2.101\r\ns=-\r\n"
    "c=IN IP4 192.0.2.101\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)

PROGRESS = (
    "SIP/2.0 183 Session Progress\r\n"
    "Via: SIP/2.0/UDP proxy1.example.com:5060;branch=z9hG4bK{n}87asdks7;"
    "received=192.0.2.1;rport=5060\r\n"
    "Via: SIP/2.0/UDP proxy2.example.com:5060;branch=z9hG4bK{n}77ef4c2312983.1\r\n"
    "Via: SIP/2.0/UDP client{n}.example.com:5062;branch=z9hG4bK{n}nashds8;rport\r\n"
    "Record-Route: <sip:proxy3.example.com;lr;did=a{n}>\r\n"
    "Record-Route: <sip:proxy2.example.com;lr;did=b{n}>\r\n"
    "Record-Route: <sip:proxy1.example.com;lr;did=c{n}>\r\n"
    'From: "Alice" <sip:alice{n}@example.com>;tag=19130{n}\r\n'
    "To: <sip:bob{n}@example.net>;tag=a6c85cf{n}\r\n"
    "Call-ID: a84b4c76e6671{n}@client.example.com\r\n"
    "CSeq: 3141{n} INVITE\r\n"
    "Contact: <sip:bob{n}@192.0.2.4:5070;transport=udp>\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS\r\n"
    "Server: Phone/1.0\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)

OK = (
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP client{n}.example.com:5062;branch=z9hG4bK{n}nashds8;"
    "received=192.0.2.7;rport=5062\r\n"
    'From: "Alice" <sip:alice{n}@example.com>;tag=19130{n}\r\n'
    "To: <sip:bob{n}@example.net>;tag=a6c85cf{n}\r\n"
    "Call-ID: a84b4c76e6671{n}@client.example.com\r\n"
    "CSeq: 3141{n} INVITE\r\n"
    "Contact: <sip:bob{n}@192.0.2.4:5070>\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)

BIG = (
    "INVITE sip:bob{n}@[2001:db8::10]:5070;transport=tcp;x=y SIP/2.0\r\n"
    "v: SIP/2.0/TCP [2001:db8::9:1]:5060;branch=z9hG4bK{n}top;rport,"
    " SIP/2.0/UDP [2001:db8::9:2];branch=z9hG4bK{n}second\r\n"
    "Via: SIP/2.0/UDP proxy2.example.com:5060;branch=z9hG4bK{n}third\r\n"
    "Via: SIP/2.0/UDP client{n}.example.com\r\n ;branch=z9hG4bK{n}fourth\r\n"
    'f: "Alice, the; first" <sip:alice{n}@example.com>;tag=19130{n}\r\n'
    "t: Bob <sip:bob{n}@example.net>\r\n"
    "i: a84b4c76e6671{n}@client.example.com\r\n"
    "CSeq: 3141{n} INVITE\r\n"
    'm: "A\\"lice" <sip:alice{n}@[2001:db8::9:1]:5060;transport=tcp>'
    ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-0000000000{n}>";reg-id=1\r\n'
    "Record-Route: <sip:proxy3.example.com;lr;did=a{n}>, <sip:proxy2.example.com;lr>,"
    " <sip:proxy1.example.com;lr>\r\n"
    "Route: <sip:proxy4.example.com;lr>,\r\n\t<sip:proxy5.example.com;lr>\r\n"
    "Max-Forwards: 66\r\nk: 100rel, timer, 199, replaces\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS\r\n"
    "x: 1800;refresher=uac\r\nMin-SE: 90\r\ns: A call\r\nc: application/sdp\r\n"
    + "".join(
        [f"X-Extension-{i}: some opaque value number {i}; a=b\r\n" for i in range(26)]
    )
    + "User-Agent: Phone/1.0\r\nP-Asserted-Identity: <sip:alice{n}@example.com>\r\n"
    "Accept: application/sdp\r\nPrivacy: none\r\nl: {length}\r\n\r\n"
)


def make_variants(template: str) -> list[bytes]:
    """The message in all its variants, each with a body."""
    variants = []
    for number in range(10, 10 + VARIANTS):
        body = SDP.format(n=number)
        variants.append((template.format(n=number, length=len(body)) + body).encode())
    return variants


def read_route(data: bytes) -> Message:
    """Read what decides where a message belongs."""
    message = parse_message(data)
    _ = (
        message.branch,
        message.call_id,
        message.cseq,
        message.from_tag,
        message.to_tag,
    )
    return message


def read_full(data: bytes) -> Message:
    """Read all addresses and Via values too."""
    message = read_route(data)
    _ = (message.vias, message.from_, message.to, message.contacts)
    _ = (message.record_routes, message.routes)
    if isinstance(message, Request):
        _ = message.uri
    return message


def read_checked(data: bytes) -> Message:
    """Read a message as the transport does."""
    message = parse_message(data)
    check_received(message)
    return message


def measure(work: Callable[[int], object], seconds: float = 0.5) -> float:
    """How many times a second `work` can be done, the best of three rounds."""
    best = 0.0
    for _ in range(3):
        count = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            for number in range(count, count + 100):
                work(number)
            count += 100
        best = max(best, count / elapsed)
    return best


def measure_reading(read: Callable[[bytes], Message], octets: Sequence[bytes]) -> float:
    """Messages read per second."""
    return measure(lambda number: read(octets[number % VARIANTS]))


def measure_writing(messages: Sequence[Message]) -> float:
    """Messages written per second."""
    return measure(lambda number: messages[number % VARIANTS].render())


def build_invite(number: int) -> bytes:
    """Build an INVITE of 12 header fields and SDP, and write it."""
    request = Request(
        "INVITE",
        f"sip:bob{number}@example.net",
        [
            ("Max-Forwards", "70"),
            ("From", f"<sip:alice@example.com>;tag={number}"),
            ("To", f"<sip:bob{number}@example.net>"),
            ("Call-ID", f"a84b4c76e66710{number}"),
            ("CSeq", "1 INVITE"),
            ("Contact", "<sip:alice@192.0.2.1:5060>"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS"),
            ("Supported", "100rel, 199"),
            ("User-Agent", "sipuac"),
            ("Content-Type", "application/sdp"),
        ],
        SDP.encode(),
    )
    via = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number};rport"
    return request.with_via(via).render()


def main() -> None:
    """Measure, and print a table."""
    print(f"{'per second':10}{'route':>10}{'full':>10}{'check':>10}{'render':>10}")
    for name, template in (("183", PROGRESS), ("200", OK), ("big", BIG)):
        octets = make_variants(template)
        cells = [
            measure_reading(read_route, octets),
            measure_reading(read_full, octets),
            measure_reading(read_checked, octets),
            measure_writing([parse_message(data) for data in octets]),
        ]
        print(f"{name:10}" + "".join([f"{cell:10.0f}" for cell in cells]))
    invite = parse_message(make_variants(BIG)[0])
    assert isinstance(invite, Request)
    answers = measure(lambda n: response_to(invite, 180, to_tag=f"t{n}").render())
    print(f"INVITE built, given a Via, rendered: {measure(build_invite):.0f}")
    print(f"response_to and render: {answers:.0f}")
    print(f"render alone, 48 rows: {measure_writing([invite] * VARIANTS):.0f}")


if __name__ == "__main__":
    main()
