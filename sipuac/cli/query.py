"""`sipuac options`: who is there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from sipuac.cli.output import Lines
from sipuac.cli.status import OK, OTHER_FAILURE, SIGNAL, status_of
from sipuac.errors import LocalProtocolError, SipError, rejection_class
from sipuac.service.inviter_service import InviterService
from sipuac.ua.capability_query import Capabilities


class OneShotQuery:
    """Sends one OPTIONS and tells what came of it.

    Args:
        service: Has the sockets; started and stopped here.
        output: Where the answer goes.
        target: Who is asked.
    """

    def __init__(self, service: InviterService, output: Lines, target: str) -> None:
        self._service = service
        self._output = output
        self._target = target
        self._asking: Deferred[Capabilities] | None = None
        self._signal: int | None = None
        self.refusal: str | None = None

    def interrupt(self, number: int) -> None:
        """A signal came: wait no longer."""
        self._signal = number
        if self._asking is not None:
            self._asking.cancel()

    def run(self) -> Deferred[int]:
        """Ask; fires with the exit status when all is over."""
        return ensureDeferred(self._run())

    async def _run(self) -> int:
        status = OTHER_FAILURE
        try:
            self._service.startService()
            asking = self._asking = self._service.options(self._target)
            status = self._tell(await asking)
        except LocalProtocolError as error:
            self.refusal = str(error)
        except SipError as error:
            name = type(error).__name__
            status = status_of(name)
            entries = {"event": "failed", "error": name, "message": str(error)}
            self._tell_failure(entries, f"{name}: {error}")
        except (CancelledError, OSError):
            # A signal came, or nobody reads what we print: the status says the rest.
            status = OTHER_FAILURE
        finally:
            stopped = self._service.stopService()
            if stopped is not None:
                await stopped
        return status if self._signal is None else SIGNAL + self._signal

    def _tell_failure(self, entries: Mapping[str, object], words: str) -> None:
        with suppress(OSError):  # nobody reads it; the status says the rest
            self._output.event(entries, words)

    def _tell(self, found: Capabilities) -> int:
        response = found.response
        host, port = found.remote
        server = response.get("Server") or response.get("User-Agent")
        entries: dict[str, object] = {
            "event": "options",
            "status": response.status,
            "reason": response.reason,
            "transport": found.transport,
            "remote": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "certificate": found.certificate,
            "seconds": round(found.seconds, 6),
            "server": server,
        }
        for name in ("Allow", "Supported", "Accept"):
            entries[name.lower()] = list(found.tokens(name))
        words = [
            f"{response.status} {response.reason} from {entries['remote']} over "
            f"{found.transport} in {found.seconds * 1000:.1f} ms",
            f"certificate: {found.certificate}",
        ]
        if server is not None:
            words.append(f"server: {server}")
        for name in ("Allow", "Supported", "Accept"):
            if found.tokens(name):
                words.append(f"{name.lower()}: {', '.join(found.tokens(name))}")
        self._output.event(entries, "\n".join(words))
        if response.is_success:
            return OK
        return status_of(rejection_class(response.status).__name__)
