"""Starts and stops the real peers: a Kamailio and SIPp phones.

Everything is on loopback, unprivileged, in a temporary folder, and ends with the test.
Only processes that were started here are ended.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from twisted.internet import task
from twisted.internet.interfaces import IReactorTime
from twisted.trial.unittest import SkipTest

from tests.integration.certificates import make_certificates
from tests.integration.scenarios import Behaviour, phone_scenario
from tests.integration.sipp_log import parse_log
from tests.integration.wire_log import LoggedMessage, WireLog

HOST = "127.0.0.1"
# The name that Kamailio's certificate shows; one that every machine resolves, because
# Kamailio refuses to start with a name that it cannot look up.
DOMAIN = "localhost"
# Milliseconds that Kamailio lets the first phone of a serial hunt ring.
HUNT_MS = 700

_FOLDER = Path(__file__).resolve().parent
# Seconds after which a peer ends by itself.
_LIFE = 120
# Below what systems hand out for outgoing connections.
_FIRST_PORT, _LAST_PORT = 20000, 31999


def require(*programs: str) -> None:
    """Skip the test where one of these programs is not installed; under CI, fail.

    Raises:
        SkipTest: A program is missing and this is not CI.
        AssertionError: A program is missing and this is CI.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if not missing:
        return
    message = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI"):
        raise AssertionError(message)
    raise SkipTest(message)


def program_path(program: str) -> str:
    """Where an installed program is."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path)
    assert found is not None
    return found


def _candidate_ports() -> Iterator[int]:
    span = _LAST_PORT - _FIRST_PORT
    # Two runs at once on one machine should not meet.
    start = os.getpid() * 101 % span // 4 * 4
    return (_FIRST_PORT + (start + step) % span for step in itertools.count(0, 4))


_candidates = _candidate_ports()


def is_bound(port: int, protocol: str, host: str = HOST) -> bool:
    """Whether somebody has this port of loopback open, as the system's table says.

    Looked up and not tried: a trial bind would take the port from the very program
    that is about to open it.

    Args:
        port: The port.
        protocol: "udp", or "tcp" for one that listens.
        host: 127.0.0.1 or ::1.
    """
    address = "0100007F" if host == HOST else "00000000000000000000000001000000"
    table = Path("/proc/net") / (protocol if host == HOST else f"{protocol}6")
    listening = "0A"
    for line in table.read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        if local == f"{address}:{port:04X}":
            if protocol == "udp" or state == listening:
                return True
    return False


def free_port() -> int:
    """A port that is free for UDP and TCP, and was not given out before.

    So are the two after it: baresip takes the next one, for TLS, and SIPp the second
    after its media port, for video.
    """
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    for port in _candidates:
        try:
            for kind, number in itertools.product(kinds, range(port, port + 3)):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((HOST, number))
        except OSError:
            continue
        return port
    raise AssertionError("there is no free port")


async def wait_until(
    clock: IReactorTime,
    condition: Callable[[], bool],
    what: Callable[[], str],
    seconds: float = 8.0,
) -> None:
    """Let the reactor run until the condition holds.

    Raises:
        AssertionError: It did not within that many seconds; the message is `what()`.
    """
    deadline = clock.seconds() + seconds
    while not condition():
        if clock.seconds() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what()}")
        await task.deferLater(clock, 0.01)


class Process:
    """A program in the foreground, with its output in a file.

    It ends by itself after a while, should the test run be killed before it can end it.
    """

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self._output = folder / "output.log"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [program_path("timeout"), str(_LIFE), *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self._output.read_text("utf-8", "replace")

    def stop(self) -> None:
        """End it, and its children, which are in its own process group."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self.kill()

    def freeze(self) -> None:
        """Let it do nothing more; what is sent to it waits in the system."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End it in the midst of whatever it does, and its children."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Callee(WireLog):
    """A phone that Kamailio can be asked to call.

    Attributes:
        port: Where it listens.
        transport: "udp" or "tcp": how Kamailio reaches it.
    """

    port: int
    transport: str

    @property
    def name(self) -> str:
        """Its place, as a part of the user part that Kamailio routes by."""
        return f"{self.transport}{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether it can be called.

        Raises:
            AssertionError: It has ended.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """End it."""
        raise NotImplementedError


class Phone(Callee):
    """A SIPp phone.

    Attributes:
        media_port: The port in its session descriptions.
        host: Its address, 127.0.0.1 or ::1.
    """

    def __init__(
        self, behaviour: Behaviour, transport: str, folder: Path, host: str = HOST
    ) -> None:
        folder.mkdir()
        self.transport = transport
        self.host = host
        self.port = free_port()
        self.media_port = free_port()
        self._messages = folder / "messages.log"
        self._errors = folder / "errors.log"
        scenario = folder / "phone.xml"
        text = phone_scenario(behaviour, self.media_port)
        if host != HOST:
            # What SIPp calls its local address has brackets then.
            text = text.replace("IN IP4 [local_ip]", "IN IP6 [media_ip]")
        scenario.write_text(text, "utf-8")
        arguments = [program_path("sipp"), "-sf", str(scenario), "-i", host]
        arguments += ["-t", {"udp": "u1", "tcp": "t1"}[transport]]
        arguments += ["-p", str(self.port), "-mp", str(free_port()), "-nostdin"]
        # One message at a time: else two that come at once find it in mid-step.
        arguments += ["-max_recv_loops", "1"]
        # And if one does, it complains and goes on; a retransmission will follow.
        arguments += ["-default_behaviors", "none"]
        arguments += ["-trace_msg", "-message_file", str(self._messages)]
        arguments += ["-trace_err", "-error_file", str(self._errors)]
        self._process = Process(arguments, folder)

    @property
    def is_ready(self) -> bool:
        """Whether it can be called."""
        if not self._process.is_running:
            raise AssertionError(f"SIPp has ended:\n{self.transcript()}")
        return is_bound(self.port, self.transport, self.host)

    def messages(self) -> list[LoggedMessage]:
        """What it has received and sent so far."""
        if not self._messages.exists():
            return []
        return parse_log(self._messages.read_text("utf-8", "replace"))

    @property
    def complaints(self) -> str:
        """What SIPp found wrong: messages that no phone in that state should get."""
        if not self._errors.exists():
            return ""
        lines = self._errors.read_text("utf-8", "replace").splitlines()
        expected = ("The following events occurred", "receive timeout on message")
        return "\n".join(
            line
            for line in lines
            if line and not any(part in line for part in expected)
        )

    def stop(self) -> None:
        """End it."""
        self._process.stop()


class Kamailio:
    """The forking proxy, with the configuration beside this file.

    Attributes:
        port: Where it listens on UDP and TCP.
        tls_port: Where it listens on TLS.
        ca_file: The certificate of the authority that made its own.
    """

    def __init__(
        self,
        folder: Path,
        domain: str = DOMAIN,
        configuration: str = "kamailio.cfg",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: Made for it.
            domain: What its certificate shows.
            configuration: The file beside this one.
            more: Further values to fill in.
        """
        folder.mkdir()
        self.port = free_port()
        self.tls_port = free_port()
        self.ca_file, certificate, private_key = make_certificates(folder, domain)
        program = program_path("kamailio")
        values = {
            "UDP": str(self.port),
            "TCP": str(self.port),
            "TLS": str(self.tls_port),
            "DOMAIN": DOMAIN,
            "CERTIFICATE": str(certificate),
            "PRIVATE_KEY": str(private_key),
            "HUNT_MS": str(HUNT_MS),
            "CA": str(self.ca_file),
            **(more or {}),
        }
        text = (_FOLDER / configuration).read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        path = folder / configuration
        path.write_text(text, "utf-8")
        arguments = [program, "-f", str(path), "-DD", "-E"]
        arguments += ["-Y", str(folder), "-w", str(folder), "-m", "32", "-M", "4"]
        self._process = Process(arguments, folder)

    @property
    def is_ready(self) -> bool:
        """Whether all its sockets are open."""
        if not self._process.is_running:
            raise AssertionError(f"Kamailio has ended:\n{self._process.output}")
        return (
            is_bound(self.port, "udp")
            and is_bound(self.port, "tcp")
            and is_bound(self.tls_port, "tcp")
        )

    @property
    def output(self) -> str:
        """Its log."""
        return self._process.output

    def uri(self, transport: str) -> str:
        """Its own URI for this transport: "UDP", "TCP" or "TLS"."""
        port = self.tls_port if transport == "TLS" else self.port
        return f"sip:{DOMAIN}:{port};transport={transport.lower()};lr"

    def freeze(self) -> None:
        """Let it do nothing more; what is sent to it waits in the system."""
        self._process.freeze()

    def kill(self) -> None:
        """End it in the midst of whatever it does."""
        self._process.kill()

    def target(self, hunt: str, *phones: Callee) -> str:
        """A URI at which it rings these phones: "single", "parallel" or "serial"."""
        user = ".".join([hunt, *(phone.name for phone in phones)])
        return f"sip:{user}@{DOMAIN}"

    def stop(self) -> None:
        """End it."""
        self._process.stop()


async def ready(clock: IReactorTime, *peers: Kamailio | Callee) -> None:
    """Wait until all of them can be called."""
    await wait_until(
        clock, lambda: all(peer.is_ready for peer in peers), lambda: "peers start"
    )
