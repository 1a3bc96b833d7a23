"""The session descriptions of simulated peers: plain audio, and honest answers."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=512)
def offer_of(host: str, version: int = 1) -> bytes:
    """An offer of one audio stream."""
    return (_head(host, version) + "m=audio 40000 RTP/AVP 0 8\r\n").encode()


@lru_cache(maxsize=512)
def answer_to(offer: bytes, host: str) -> bytes:
    """An answer with as many streams as the offer: the first audio, and no other."""
    lines, is_taken = [], False
    for line in offer.decode().split("\r\n"):
        if line.startswith("m="):
            kind, port, protocol, *formats = line[2:].split()
            takes = kind == "audio" and port != "0" and not is_taken
            is_taken = is_taken or takes
            lines.append(
                f"m={kind} {41000 if takes else 0} {protocol} {' '.join(formats)}\r\n"
            )
            if takes and "a=sendonly" in offer.decode():
                lines.append("a=recvonly\r\n")
            elif takes and "a=inactive" in offer.decode():
                lines.append("a=inactive\r\n")
    return (_head(host, 1) + "".join(lines)).encode()


def _head(host: str, version: int) -> str:
    return (
        f"v=0\r\no={host} 1 {version} IN IP4 192.0.2.9\r\ns={host}\r\n"
        "c=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    )
