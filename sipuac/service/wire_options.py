"""Options that every command and the service share: who we are, and the way to others.

What is wrong raises `UsageError` with one line that says what and where, before
anything is opened.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.python import usage

from sipuac._version import __version__
from sipuac.errors import LocalProtocolError
from sipuac.service import values
from sipuac.ua.credentials import CredentialsSource, fixed_credentials
from sipuac.ua.inviter import parse_identity, parse_proxy
from sipuac.ua.user_agent import SocketSettings

#: Seconds: no two keep-alives are nearer.
MIN_KEEPALIVE = 1.0
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""Who calls when nobody says so (RFC 3261 section 8.1.1.3)."""


@contextmanager
def refused_for(option: str) -> Iterator[None]:
    """Turn what cannot be used into the usage error of this option."""
    try:
        yield
    except LocalProtocolError as error:
        raise usage.UsageError(f"{option}: {error}") from None


class WireOptions(usage.Options):
    """Who we are, and through what we reach others."""

    # fmt: off
    optParameters = [
        ["from", None, None,
         "URI that we are, or 'Name <URI>' (default: anonymous)"],
        ["proxy", None, None,
         "URI of the outbound proxy, for instance 'sip:192.0.2.1;transport=tcp'"],
        ["advertise", None, None,
         "ADDRESS or name to put into Via and Contact instead of our own address"],
        ["tls-ca", None, None,
         "FILE with the certificates (PEM) to trust instead of the system's"],
        ["tls-cert", None, None,
         "FILE with the certificate (PEM) to show servers that ask for one"],
        ["tls-key", None, None,
         "FILE with its private key (default: in the same file)"],
        ["keepalive", None, None,
         "SECONDS between keep-alives to the proxy; holds the way to it open"],
        ["repeat-invite", None, None,
         "SECONDS between two sendings of an INVITE over UDP that rings, for NATs"],
        ["auth-user", None, None,
         "NAME to answer challenges with (default: the user of --from)"],
        ["password-file", None, None,
         "FILE with the password to answer challenges with"],
    ]
    optFlags = [
        ["learn-address", None,
         "Put into Via and Contact the address that servers see us at"],
        ["keepalive-pong", None,
         "A connection to the proxy on which a keep-alive is not answered is dead"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self["resolve"] = {}
        self["nameservers"] = []
        self._credentials: CredentialsSource | None = None

    def opt_resolve(self, text: str) -> None:
        """NAME=ADDRESS to use instead of DNS; may be given several times."""
        name, where = values.resolution(text)
        self["resolve"][name] = where

    def opt_nameserver(self, text: str) -> None:
        """ADDRESS[:PORT] to ask instead of the system's; may be given several times."""
        self["nameservers"].append(values.name_server(text))

    def opt_version(self) -> None:
        """Print the version and exit."""
        sys.stdout.write(f"sipuac {__version__}\n")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        self["from"] = self["from"] or ANONYMOUS
        with refused_for("--from"):
            identity = parse_identity(self["from"])
        if self["proxy"] is not None:
            with refused_for("--proxy"):
                parse_proxy(self["proxy"])
        if self["advertise"] is not None:
            self["advertise"] = values.host("advertise", self["advertise"])
        if self["advertise"] is not None and self["learn-address"]:
            raise usage.UsageError("--advertise says what --learn-address would find")
        if self["tls-ca"] is not None:
            with refused_for("--tls-ca"):
                SocketSettings(tls_ca=self["tls-ca"])
        if self["tls-cert"] is not None or self["tls-key"] is not None:
            with refused_for("--tls-cert"):
                SocketSettings(tls_cert=self["tls-cert"], tls_key=self["tls-key"])
        self._check_keepalive()
        if self["repeat-invite"] is not None:
            self["repeat-invite"] = values.seconds(
                "repeat-invite", self["repeat-invite"], minimum=MIN_KEEPALIVE
            )
        found = values.credentials(
            self["auth-user"], self["password-file"], identity.uri
        )
        self._credentials = None if found is None else fixed_credentials(found)

    @property
    def credentials(self) -> CredentialsSource | None:
        """What challenges are answered with; None where no password was given."""
        return self._credentials

    def wire_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `InviterService`, Any as they are of many types."""
        arguments = {
            "identity": self["from"],
            "proxy": self["proxy"],
            "hosts": dict(self["resolve"]),
            "nameservers": list(self["nameservers"]),
            "tls_ca": self["tls-ca"],
            "tls_cert": self["tls-cert"],
            "tls_key": self["tls-key"],
            "advertise": self["advertise"],
            "learn_address": bool(self["learn-address"]),
            "repeat_invite": self["repeat-invite"],
            "keepalive": self["keepalive"],
            "keepalive_pong": bool(self["keepalive-pong"]),
        }
        if self.get("bind") is not None:
            arguments["bind"] = self["bind"]
        return arguments

    def _check_keepalive(self) -> None:
        if self["keepalive"] is None:
            if self["keepalive-pong"]:
                raise usage.UsageError("--keepalive-pong needs --keepalive")
            return
        if self["proxy"] is None:
            raise usage.UsageError("--keepalive needs a --proxy to send them to")
        self["keepalive"] = values.seconds(
            "keepalive", self["keepalive"], minimum=MIN_KEEPALIVE
        )
