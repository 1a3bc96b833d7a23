"""The session descriptions of the scripted phones: plain audio, and honest answers."""

from __future__ import annotations


def audio_offer(name: str, host: str, port: int = 40000) -> str:
    """An offer of one audio stream, G.711 in both laws."""
    return _head(name, host) + f"m=audio {port} RTP/AVP 0 8\r\n"


def answer_to(offer: str, name: str, host: str, port: int = 40000) -> str:
    """An answer: the first audio stream with all its formats, port 0 for all others.

    It has as many streams as the offer, in the same order (RFC 3264 section 6).
    """
    lines = []
    is_audio_taken = False
    for line in offer.splitlines():
        if not line.startswith("m="):
            continue
        kind, offered_port, protocol, *formats = line[2:].split()
        is_taken = kind == "audio" and offered_port != "0" and not is_audio_taken
        is_audio_taken = is_audio_taken or is_taken
        taken_port = port if is_taken else 0
        lines.append(f"m={kind} {taken_port} {protocol} {' '.join(formats)}\r\n")
    return _head(name, host) + "".join(lines)


def _head(name: str, host: str) -> str:
    family = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no={name} 1 1 IN {family} {host}\r\ns=-\r\n"
        f"c=IN {family} {host}\r\nt=0 0\r\n"
    )
