"""What a program may ask of a new call, checked: the body of `POST /v1/calls`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from sipuac.errors import LocalProtocolError
from sipuac.service.values import FORK_POLICIES
from sipuac.syntax.fields import check_header


class BadRequest(Exception):
    """The body is not what it should be; the text says in what."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequest("must be a string that is not empty")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise BadRequest("must be true or false")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest("must be a number of seconds")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not 0 < seconds <= MAX_SECONDS:
        raise BadRequest(f"must be more than 0 and at most {MAX_SECONDS} seconds")
    return seconds


def _interval(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest("must be a whole number of seconds")
    if not SHORTEST_INTERVAL <= value <= MAX_SECONDS:
        raise BadRequest(f"must be from {SHORTEST_INTERVAL} to {MAX_SECONDS} seconds")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest("must be a whole number")
    if not 0 <= value <= MAX_COUNT:
        raise BadRequest(f"must be from 0 to {MAX_COUNT}")
    return value


def _one_of(*names: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise BadRequest(f"must be one of {', '.join(names)}")
        return value

    return check


def _headers(value: object) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        raise BadRequest('must be an object such as {"Subject": "Lunch"}')
    headers = []
    for name, text in value.items():
        if not isinstance(text, str):
            raise BadRequest(f"{name} must be a string")
        try:
            check_header(name, text)
        except LocalProtocolError as error:
            raise BadRequest(str(error)) from None
        headers.append((name, text))
    return headers


MAX_SECONDS = 86_400
MAX_COUNT = 100
SHORTEST_INTERVAL = 90
"""Seconds: no session timer is shorter (RFC 4028 section 4)."""

_CHECKS: dict[str, Callable[[object], object]] = {
    "to": _text,
    "early_media": _flag,
    "without_sdp": _flag,
    "answer": _one_of("first", "final"),
    "reliable": _one_of("supported", "required"),
    "on_fork": _one_of(*FORK_POLICIES),
    "extra_ringing": _one_of("end", "keep"),
    "fork_preference": _one_of("no-fork", "sequential", "none"),
    "headers": _headers,
    "media": _text,
    "answer_timeout": _seconds,
    "fork_grace": _seconds,
    "fork_hold": _seconds,
    "max_extras": _count,
    "session_expires": _interval,
    "min_se": _interval,
    "follow_redirects": _flag,
    "max_redirects": _count,
}


class InviteOptions:
    """Reads the options of a call from JSON.

    Args:
        media: What makes the media, by the names that a request may give it.
        defaults: Options of every call that the request does not name.
    """

    def __init__(
        self,
        media: Mapping[str, object] | None = None,
        defaults: Mapping[str, object] | None = None,
    ) -> None:
        self._media = dict(media or {})
        self._defaults = dict(defaults or {})

    def read(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """The target and the keyword arguments of `invite()`.

        Raises:
            BadRequest: The body is no JSON object, has a key that means nothing, or a
                value that cannot be.
        """
        entries = _parse_object(body)
        options: dict[str, Any] = dict(self._defaults)
        for name, value in entries.items():
            check = _CHECKS.get(name)
            if check is None:
                raise BadRequest(f"unknown key {json.dumps(name)[:80]}")
            try:
                options[name] = check(value)
            except BadRequest as error:
                raise BadRequest(f"{name} {error}") from None
        if "media" in entries:
            if options["media"] not in self._media:
                raise BadRequest(f"media must be one of {', '.join(self._media)}")
            options["media"] = self._media[options["media"]]
        if options.get("early_media") != self._defaults.get("early_media"):
            # The default policy was chosen for calls of the other kind.
            options["on_fork"] = entries.get("on_fork")
        if "to" not in options:
            raise BadRequest("to is missing: the URI to call")
        return options.pop("to"), options


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        entries = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(entries, dict):
        raise BadRequest("the body is not a JSON object")
    return entries


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise BadRequest("a key is there twice")
    return entries
