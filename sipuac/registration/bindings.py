"""Contact fields of REGISTER and of its 2xx: what is bound, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sipuac.errors import ParseError
from sipuac.syntax.fields import NameAddress, parse_expires
from sipuac.syntax.lexical import quote, split_list
from sipuac.syntax.message import Response

# "Malformed values SHOULD be treated as equivalent to 3600" (RFC 3261 10.2.1.1).
_DEFAULT_EXPIRES = 3600


@dataclass(frozen=True, slots=True)
class Binding:
    """One address that a registrar has for an address-of-record.

    Attributes:
        contact: The address, with the parameters of its binding.
        expires: Seconds that it lasts, from the response on.
    """

    contact: NameAddress
    expires: int


def own_contact(
    contact: NameAddress, expires: int, instance: str | None, reg_id: int | None
) -> NameAddress:
    """Our address as REGISTER bears it (RFC 3261 10.2.1, RFC 5626 4.2.1)."""
    if instance is not None:
        contact = contact.with_parameter("+sip.instance", quote(f"<{instance}>"))
    if reg_id is not None:
        contact = contact.with_parameter("reg-id", str(reg_id))
    return contact.with_parameter("expires", str(expires))


def bindings_of(response: Response) -> list[Binding]:
    """Every binding that a 2xx to REGISTER names (RFC 3261 section 10.3, step 8).

    What cannot be read is left out: it is none of ours.
    """
    try:
        default = response.expires
    except ParseError:
        default = None
    if default is None:
        default = _DEFAULT_EXPIRES
    return [
        Binding(contact, default if contact.expires is None else contact.expires)
        for contact in response.contacts
    ]


def own_bindings(
    bindings: Iterable[Binding], contacts: Sequence[NameAddress]
) -> list[Binding]:
    """Those of the bindings that are for our addresses.

    By URI comparison (RFC 3261 section 10.2.4), or by instance and reg-id: a registrar
    may have rewritten an address, as one that repairs NAT does.
    """
    return [
        binding
        for binding in bindings
        if any(_is_same(binding.contact, contact) for contact in contacts)
    ]


def _is_same(one: NameAddress, other: NameAddress) -> bool:
    instance, reg_id = other.parameter("+sip.instance"), other.parameter("reg-id")
    if instance and one.parameter("+sip.instance") == instance:
        if one.parameter("reg-id") == reg_id:
            return True
    return one.uri.is_equivalent(other.uri)


def min_expires_of(response: Response) -> int | None:
    """Seconds that a 423 demands; None where it does not say so readably."""
    text = response.get("Min-Expires")
    try:
        return None if text is None else parse_expires(text)
    except ParseError:
        return None


def service_routes_of(response: Response) -> tuple[NameAddress, ...]:
    """The Service-Route of a 2xx, in its order (RFC 3608 section 6.1).

    Empty where there is none, or none that could be used as a route.
    """
    try:
        return tuple(
            NameAddress.parse(value)
            for row in response.get_all("Service-Route")
            for value in split_list(row)
        )
    except ParseError:
        return ()
