"""Options that the service and `sipuac call` share: which calls, with which media.

The options that belong to one of the two are added by `service/tap.py` and
`cli/options.py`.
"""

from __future__ import annotations

from typing import Any

from twisted.python import usage

from sipuac.media.static import KINDS, StaticMedia
from sipuac.service import values
from sipuac.service.requests import SHORTEST_INTERVAL
from sipuac.service.wire_options import WireOptions, refused_for


class SharedOptions(WireOptions):
    """Which calls, and with which media."""

    # fmt: off
    optParameters = [
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
        ["early-media", None, "Take media before the answer; --on-fork says of whom"],
        ["follow-redirects", None, "Call where a redirection (3xx) says"],
        ["offerless", None, "Let the callees make the offers: early media of all"],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        self._media: dict[str, StaticMedia] = {}

    def postOptions(self) -> None:
        """Check and convert what was given (see `usage.Options`)."""
        super().postOptions()
        if self["early-media"] and self["offerless"]:
            raise usage.UsageError("--early-media needs our offer, not --offerless")
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
        return {
            **self.wire_arguments(),
            "media": self._media[self["media"]],
            "credentials": self.credentials,
        }

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
