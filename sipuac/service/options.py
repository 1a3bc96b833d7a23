"""Options that the service and the one-shot commands share, checked when they are read.

What is wrong raises `UsageError` with one line that says what and where, before
anything is opened. The options that belong to one of the two are added by
`service/tap.py` and `cli/options.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.python import usage

from sipuac._version import __version__
from sipuac.errors import LocalProtocolError
from sipuac.media.static import KINDS, StaticMedia
from sipuac.service import values
from sipuac.service.requests import SHORTEST_INTERVAL
from sipuac.ua.inviter import parse_identity, parse_proxy
from sipuac.ua.user_agent import SocketSettings

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""Who calls when nobody says so (RFC 3261 section 8.1.1.3)."""


@contextmanager
def refused_for(option: str) -> Iterator[None]:
    """Turn what cannot be used into the usage error of this option."""
    try:
        yield
    except LocalProtocolError as error:
        raise usage.UsageError(f"{option}: {error}") from None


class SharedOptions(usage.Options):
    """Who calls, through what, and with which media."""

    # fmt: off
    optParameters = [
        ["from", None, None,
         "URI that the call is from, or 'Name <URI>' (default: anonymous)"],
        ["proxy", None, None,
         "URI of the outbound proxy, for instance 'sip:192.0.2.1;transport=tcp'"],
        ["advertise", None, None,
         "ADDRESS or name to put into Via and Contact instead of our own address"],
        ["tls-ca", None, None,
         "FILE with the certificates (PEM) to trust instead of the system's"],
        ["on-fork", None, None,
         f"POLICY for forks: {', '.join(values.FORK_POLICIES)} "
         "(default: cancel-extras with early media, else first-answer)"],
        ["media", None, "plain",
         "plain, or single-answer: one answer to an offer, and that is final"],
        ["sdp", None, None,
         "FILE with the session description to offer (default: plain audio)"],
        ["answer-timeout", None, "180",
         "SECONDS to wait for an answer before the call is cancelled"],
        ["session-expires", None, None,
         "SECONDS after which a call is over that nobody has refreshed, 90 or more "
         "(default: none)"],
    ]
    optFlags = [
        ["early-media", None, "Take media before the answer, from one fork only"],
        ["follow-redirects", None, "Call where a redirection (3xx) says"],
        ["offerless", None, "Let the callees make the offers: early media of all"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self["resolve"] = {}
        self._media: dict[str, StaticMedia] = {}

    def opt_resolve(self, text: str) -> None:
        """NAME=ADDRESS to use instead of DNS; may be given several times."""
        name, where = values.resolution(text)
        self["resolve"][name] = where

    def opt_version(self) -> None:
        """Print the version and exit."""
        sys.stdout.write(f"sipuac {__version__}\n")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        self["from"] = self["from"] or ANONYMOUS
        with refused_for("--from"):
            parse_identity(self["from"])
        if self["proxy"] is not None:
            with refused_for("--proxy"):
                parse_proxy(self["proxy"])
        if self["early-media"] and self["offerless"]:
            raise usage.UsageError("--early-media needs our offer, not --offerless")
        if self["advertise"] is not None:
            self["advertise"] = values.host("advertise", self["advertise"])
        if self["tls-ca"] is not None:
            with refused_for("--tls-ca"):
                SocketSettings(tls_ca=self["tls-ca"])
        if self["on-fork"] is not None:
            values.one_of("on-fork", self["on-fork"], values.FORK_POLICIES)
        values.one_of("media", self["media"], KINDS)
        self["answer-timeout"] = values.seconds(
            "answer-timeout", self["answer-timeout"], minimum=0.1
        )
        if self["session-expires"] is not None:
            self["session-expires"] = values.whole_seconds(
                "session-expires", self["session-expires"], minimum=SHORTEST_INTERVAL
            )
        self._media = {kind: self._make_media(kind) for kind in KINDS}

    @property
    def media_by_kind(self) -> dict[str, StaticMedia]:
        """The media of each kind, with the description of `--sdp` where given."""
        return self._media

    def inviter_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `InviterService`, Any as they are of many types."""
        arguments = {
            "identity": self["from"],
            "proxy": self["proxy"],
            "media": self._media[self["media"]],
            "hosts": dict(self["resolve"]),
            "tls_ca": self["tls-ca"],
            "advertise": self["advertise"],
        }
        if self.get("bind") is not None:
            arguments["bind"] = self["bind"]
        return arguments

    def invite_arguments(self) -> dict[str, Any]:
        """Keyword arguments of `invite()`, Any as they are of many types."""
        return {
            "early_media": bool(self["early-media"]),
            "without_sdp": bool(self["offerless"]),
            "on_fork": self["on-fork"],
            "answer_timeout": self["answer-timeout"],
            "session_expires": self["session-expires"],
            "follow_redirects": bool(self["follow-redirects"]),
        }

    def _make_media(self, kind: str) -> StaticMedia:
        path = self["sdp"]
        if path is None:
            return StaticMedia(None, kind, **self._own_address())
        with refused_for("--sdp"):
            return StaticMedia.from_file(path, kind)

    def _own_address(self) -> dict[str, str]:
        """The address to offer media at, where an option tells one."""
        for name in ("advertise", "bind"):
            where = self.get(name)
            if where is not None and values.is_address(where):
                return {"address": where}
        return {}
