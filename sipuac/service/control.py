"""Calls over HTTP: place them, look at them, end them.

    POST   /v1/calls        {"to": URI, ...the names of invite()}    201 with Location
    GET    /v1/calls                                                 200
    GET    /v1/calls/{id}   state, branches with their fates, events 200
    DELETE /v1/calls/{id}   CANCEL or BYE, whichever is right        202
    GET    /healthz                                                  200

Whoever reaches the port can dial, so it is meant for programs on the same machine. A
web page must not be able to: POST needs `application/json`, a request with an Origin is
refused, and the Host must be a loopback name, against DNS rebinding. All answers,
refusals included, are JSON objects.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web import http, resource, server

from sipuac._version import __version__
from sipuac.errors import SipError, TooManyCalls
from sipuac.service.calls import Calls
from sipuac.service.requests import BadRequest, InviteOptions

_log = Logger()

MAX_BODY = 64 * 1024


class _Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class BoundedRequest(server.Request):
    """A request whose body is thrown away, and refused, beyond `MAX_BODY` octets."""

    is_too_large = False

    def gotLength(self, length: int | None) -> None:
        """Keep the body in memory, never on disk (see `http.Request`)."""
        super().gotLength(MAX_BODY)  # type: ignore[no-untyped-call]  # Twisted

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body, while there is room for it (see `http.Request`)."""
        kept = 0 if self.content is None else self.content.tell()
        if kept + len(data) > MAX_BODY:
            self.is_too_large = True
        if not self.is_too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]  # Twisted


class _JsonResource(resource.Resource):
    """Answers in JSON whatever happens; subclasses have one method for each verb."""

    def render(self, request: Any) -> bytes:
        """Answer, or refuse, or say that we failed. Any: twisted.web is not typed."""
        headers: Mapping[str, str] = {}
        try:
            _check_caller(request)
            status, entries, headers = self._answer(request)
        except _Refusal as refusal:
            status, entries = refusal.status, {"error": str(refusal)}
            headers = refusal.headers
        except Exception:
            _log.failure(
                "answering {method} {uri}", method=request.method, uri=request.uri
            )
            status, entries = 500, {"error": "internal error, see the log"}
        body = json.dumps(entries).encode("ascii") + b"\n"
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"Content-Length", str(len(body)).encode("ascii"))
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        for name, value in headers.items():
            request.setHeader(name.encode("ascii"), value.encode("ascii"))
        return b"" if request.method == b"HEAD" else body

    def _answer(self, request: Any) -> tuple[int, dict[str, object], Mapping[str, str]]:
        verbs = {
            name.removeprefix("answer_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("answer_")
        }
        if "GET" in verbs:
            verbs["HEAD"] = verbs["GET"]
        verb = request.method.decode("ascii", "replace")
        if verbs and verb not in verbs:
            allowed = ", ".join(sorted(verbs))
            raise _Refusal(405, f"{verb} means nothing here", Allow=allowed)
        if not verbs:
            raise _Refusal(404, "there is nothing here")
        answer: tuple[int, dict[str, object], Mapping[str, str]] = verbs[verb](request)
        return answer


class _Missing(_JsonResource):
    """What is at a path where there is nothing."""

    isLeaf = True


class _Branch(_JsonResource):
    """A place in the tree with children and nothing of its own."""

    def getChild(self, path: bytes, request: Any) -> resource.Resource:
        """There is nothing but the named children."""
        return self if path == b"" and not request.postpath else _Missing()  # type: ignore[no-untyped-call]  # Twisted


class _CallResource(_JsonResource):
    """`/v1/calls/{id}`."""

    isLeaf = True

    def __init__(self, calls: Calls, id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self._calls = calls
        self._id = id

    def _record(self, request: Any) -> Any:
        record = None if request.postpath else self._calls.get(self._id)
        if record is None:
            raise _Refusal(404, "there is no such call")
        return record

    def answer_GET(
        self, request: Any
    ) -> tuple[int, dict[str, object], Mapping[str, str]]:
        """All that is known of the call."""
        return 200, self._record(request).details(), {}

    def answer_DELETE(
        self, request: Any
    ) -> tuple[int, dict[str, object], Mapping[str, str]]:
        """End the call; that it has ended is seen by GET. Nothing to do if it has."""
        record = self._record(request)
        record.hang_up()
        return 202, record.summary(), {}


class _CallsResource(_JsonResource):
    """`/v1/calls`."""

    def __init__(
        self, calls: Calls, options: InviteOptions, is_draining: Callable[[], bool]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self._calls = calls
        self._options = options
        self._is_draining = is_draining

    def getChild(self, path: bytes, request: Any) -> resource.Resource:
        """The call of this name; `/v1/calls/` is the list as well."""
        if path == b"" and not request.postpath:
            return self
        return _CallResource(self._calls, path.decode("utf-8", "replace"))

    def answer_GET(
        self, request: Any
    ) -> tuple[int, dict[str, object], Mapping[str, str]]:
        """All calls that stand, and the last ones that ended, in short."""
        return 200, {"calls": [record.summary() for record in self._calls]}, {}

    def answer_POST(
        self, request: Any
    ) -> tuple[int, dict[str, object], Mapping[str, str]]:
        """Place a call."""
        _check_content_type(request)
        if self._is_draining():
            raise _Refusal(503, "the service is stopping")
        if request.is_too_large:
            raise _Refusal(413, f"the body has more than {MAX_BODY} octets")
        try:
            to, options = self._options.read(request.content.read())
            record = self._calls.place(to, **options)
        except TooManyCalls as error:
            raise _Refusal(503, str(error), **{"Retry-After": "5"}) from None
        except (BadRequest, SipError) as error:
            raise _Refusal(400, str(error)) from None
        location = f"/v1/calls/{record.id}"
        return 201, {**record.summary(), "location": location}, {"Location": location}


class _Health(_JsonResource):
    """`/healthz`."""

    isLeaf = True

    def __init__(
        self,
        calls: Calls,
        is_draining: Callable[[], bool],
        load: Callable[[], Mapping[str, object]],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted
        self._calls = calls
        self._load = load
        self._is_draining = is_draining

    def answer_GET(
        self, request: Any
    ) -> tuple[int, dict[str, object], Mapping[str, str]]:
        """Whether new calls are taken."""
        if request.postpath:
            raise _Refusal(404, "there is nothing here")
        is_draining = self._is_draining()
        return (
            503 if is_draining else 200,
            {
                "status": "draining" if is_draining else "ok",
                "version": __version__,
                "active_calls": self._calls.active_count,
                "load": dict(self._load()),
            },
            {},
        )


def control_site(
    calls: Calls,
    options: InviteOptions,
    reactor: IReactorTime,
    *,
    is_draining: Callable[[], bool] = lambda: False,
    load: Callable[[], Mapping[str, object]] = dict,
) -> server.Site:
    """The HTTP control API, to be served on an endpoint.

    Args:
        calls: The calls to show, and to place new ones with.
        options: Reads what is POSTed.
        reactor: For the timeout of idle connections.
        is_draining: Whether the service is about to end, for `/healthz`.
        load: How calls are let go and how the sockets cope, for the same.
    """
    root = _Branch()  # type: ignore[no-untyped-call]  # Twisted
    version = _Branch()  # type: ignore[no-untyped-call]  # Twisted
    root.putChild(b"healthz", _Health(calls, is_draining, load))
    root.putChild(b"v1", version)
    version.putChild(b"calls", _CallsResource(calls, options, is_draining))
    return server.Site(root, BoundedRequest, reactor=reactor)


def _check_caller(request: Any) -> None:
    """Refuse what a web page may have sent."""
    if request.requestHeaders.hasHeader(b"Origin"):
        raise _Refusal(http.FORBIDDEN, "a request with an Origin is refused")
    hosts = request.requestHeaders.getRawHeaders(b"Host") or []
    if len(hosts) != 1 or not _is_loopback(hosts[0].decode("utf-8", "replace")):
        raise _Refusal(http.FORBIDDEN, "the Host must be a loopback name")


def _is_loopback(host: str) -> bool:
    """Whether this value of a Host field names this machine to itself."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name.rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check_content_type(request: Any) -> None:
    value = request.getHeader(b"Content-Type") or b""
    media_type = value.split(b";", 1)[0].strip().lower()
    if media_type != b"application/json":
        raise _Refusal(415, "POST needs Content-Type: application/json")
