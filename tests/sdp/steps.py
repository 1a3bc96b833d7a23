"""Messages of an offer/answer exchange, one after the other."""

from __future__ import annotations

from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.negotiation import plain_audio_offer
from sipuac.sdp.patterns import Carrier, Role

INVITE, PROVISIONAL, RELIABLE, FINAL, ACK, PRACK, PRACK_OK, UPDATE, UPDATE_OK = Carrier


def named(number: int) -> SessionDescription:
    """A description that can be told from others."""
    return plain_audio_offer("192.0.2.1", 4000 + 2 * number)


A, B, C, D = (named(number) for number in range(4))
Step = tuple[str, Carrier, SessionDescription | None]


def sent(carrier: Carrier, description: SessionDescription | None = None) -> Step:
    """We send this."""
    return ("sent", carrier, description)


def received(carrier: Carrier, description: SessionDescription | None = None) -> Step:
    """The peer sends this."""
    return ("received", carrier, description)


def play(exchange: Exchange, *steps: Step) -> list[Role]:
    """The roles of these messages."""
    roles = []
    for way, carrier, description in steps:
        record = exchange.sent if way == "sent" else exchange.received
        roles.append(record(carrier, description))
    return roles


def mirrored(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same messages as the peer sees them."""
    return tuple(
        ("received" if way == "sent" else "sent", carrier, description)
        for way, carrier, description in steps
    )


# What leads to the place where a pattern is tried.
ESTABLISHED = (sent(INVITE, C), received(FINAL, D), sent(ACK))
EARLY = (sent(INVITE, C), received(RELIABLE, D), sent(PRACK), received(PRACK_OK))
ANSWERED = (sent(INVITE, C), received(RELIABLE, D))
