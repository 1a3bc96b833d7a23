"""What happens to a registration, as the values that everybody gets to see.

`ua/registerer.py` stamps them with the time; one class an event, the attributes are the
keys of its JSON object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RegistrationChange:
    """Base of all events of a registration; `identity` is the address-of-record."""

    event: ClassVar[str] = ""
    identity: str


@dataclass(frozen=True, slots=True)
class Registered(RegistrationChange):
    """The registrar has our addresses.

    Attributes:
        contacts: Everything that is bound now, by whomever.
        expires: Seconds until the first of ours ends.
        refresh: Seconds until they are refreshed.
        service_route: The way that the registrar wants for later requests.
        transport: "UDP", "TCP" or "TLS".
    """

    event: ClassVar[str] = "registered"
    contacts: tuple[str, ...]
    expires: int
    refresh: float
    service_route: tuple[str, ...]
    transport: str


@dataclass(frozen=True, slots=True)
class RegistrationFailed(RegistrationChange):
    """An attempt has failed.

    Attributes:
        error: The class name in `sipuac.errors`.
        status: Of the final response; None where none came.
        message: Why, in words.
        is_registered: Whether an earlier binding stands for now.
        retry: Seconds until the next attempt; None where none follows.
    """

    event: ClassVar[str] = "registration-failed"
    error: str
    status: int | None
    message: str
    is_registered: bool
    retry: float | None


@dataclass(frozen=True, slots=True)
class Unregistered(RegistrationChange):
    """Nothing of ours is bound any more; `is_over` where no attempt follows."""

    event: ClassVar[str] = "unregistered"
    is_over: bool
