"""What is to be registered, from the texts that people write."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.registration.options import USUAL_EXPIRES, RegistrationOptions
from sipuac.syntax.fields import NameAddress, check_header
from sipuac.syntax.uri import SipUri, parse_uri
from sipuac.ua.invite_request import parse_identity


def registration_options(
    address: str,
    *,
    registrar: str | None = None,
    contacts: Iterable[str] = (),
    expires: int = USUAL_EXPIRES,
    instance: str | None = None,
    reg_id: int | None = None,
) -> RegistrationOptions:
    """Options of a registration; see `RegistrationOptions` for what they mean.

    Where no registrar is named it is the domain of the address, at the port and over
    the transport that its URI may say: To and From cannot have these.

    Raises:
        LocalProtocolError: One of them cannot be.
    """
    identity = parse_identity(address)
    options = RegistrationOptions(
        identity,
        registrar=_own_domain(address) if registrar is None else _registrar(registrar),
        contacts=tuple(_contact(text) for text in contacts),
        expires=expires,
        instance=instance,
        reg_id=reg_id,
    )
    options.check()
    return options


def _own_domain(address: str) -> SipUri | None:
    uri = NameAddress.parse(address).uri
    return uri.request_target() if isinstance(uri, SipUri) else None


def _registrar(text: str) -> SipUri:
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise LocalProtocolError(f"unusable registrar {text!r}: {error}") from None
    if not isinstance(uri, SipUri):
        raise LocalProtocolError(f"unusable registrar {text!r}: no sip URI")
    return uri.request_target()


def _contact(text: str) -> NameAddress:
    try:
        # A bare URI is taken whole: its parameters are its own.
        written = text if "<" in text else f"<{text}>"
        contact = NameAddress.parse(written)
    except ParseError as error:
        raise LocalProtocolError(f"unusable contact {text!r}: {error}") from None
    check_header("Contact", str(contact))
    return contact
