"""What is to be registered, checked before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sipuac.errors import LocalProtocolError
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.uri import SipUri

#: Seconds that are asked for where nobody says otherwise.
USUAL_EXPIRES = 3600

# RFC 5626 section 4.2.1: reg-id is 1 to 2**31-1.
_MAX_REG_ID = 2**31 - 1
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,31}:[^\x00-\x20\x7f<>\"]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RegistrationOptions:
    """Times are seconds.

    Attributes:
        identity: The address-of-record, for To and From; without parameters.
        registrar: The Request-URI; None for the domain of the address-of-record.
        contacts: Further addresses that are registered beside our own, which depends
            on the way of the request and is written when that is known.
        expires: How long a binding is to last.
        instance: The URN of this device, the same at every start (RFC 5626 section
            4.1); None to send none.
        reg_id: Which of the instance's flows this is; None without outbound.
        max_wait, base_wait: Of the waits after a failure (RFC 5626 section 4.5).
    """

    identity: NameAddress
    registrar: SipUri | None = None
    contacts: tuple[NameAddress, ...] = ()
    expires: int = USUAL_EXPIRES
    instance: str | None = None
    reg_id: int | None = None
    max_wait: float = 1800.0
    base_wait: float = 30.0

    def check(self) -> None:
        """Refuse what cannot be registered.

        Raises:
            LocalProtocolError: An option is wrong by itself or beside another.
        """
        if not isinstance(self.identity.uri, SipUri):
            # RFC 3261 section 10.2: "The address-of-record MUST be a SIP URI or SIPS
            # URI."
            raise LocalProtocolError("only a sip or sips URI can be registered")
        if not 0 < self.expires < 2**32:
            raise LocalProtocolError(f"expires of {self.expires} s")
        if self.instance is not None and not _URN.fullmatch(self.instance):
            raise LocalProtocolError(f"the instance is no URN: {self.instance!r}")
        if self.reg_id is not None:
            if self.instance is None:
                raise LocalProtocolError("outbound needs the URN of an instance")
            if not 0 < self.reg_id <= _MAX_REG_ID:
                raise LocalProtocolError(f"a reg-id of {self.reg_id}")
        if not (0 < self.base_wait <= self.max_wait < 2**31):
            raise LocalProtocolError("waits must be positive and base_wait the shorter")

    @property
    def request_uri(self) -> SipUri:
        """The Request-URI: a domain alone (RFC 3261 section 10.2)."""
        uri = self.registrar or self.identity.uri
        assert isinstance(uri, SipUri)  # `check` has seen to it
        return SipUri(uri.scheme, None, None, uri.host, uri.port, uri.parameters)
