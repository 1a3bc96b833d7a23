"""Session descriptions for the tests of offers and answers."""

from __future__ import annotations

from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import plain_audio_offer

LOCAL = plain_audio_offer("192.0.2.1", 4000, session_id=7)


def sdp(*media: str, origin: str = "bob 1 1 IN IP4 192.0.2.2") -> SessionDescription:
    """A description with these lines for its streams."""
    return SessionDescription.of_lines(
        [
            "v=0",
            f"o={origin}",
            "s=-",
            "c=IN IP4 192.0.2.2",
            "t=0 0",
            *media,
        ]
    )


def media_lines(description: SessionDescription) -> list[str]:
    """The lines of all streams."""
    return [line for stream in description.media for line in stream.lines]
