"""A real phone: baresip, without a screen, a sound device or a registrar."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tests.integration.baresip_log import parse_trace
from tests.integration.certificates import make_certificates
from tests.integration.peers import (
    DOMAIN,
    HOST,
    Callee,
    Kamailio,
    Process,
    free_port,
    is_bound,
    program_path,
)
from tests.integration.wire_log import LoggedMessage

AnswerMode = Literal["manual", "early", "auto"]

# Only what this phone needs. Its audio is a tone, so that one can see whether it sends,
# and where to.
_MODULES = ("g711.so",)
_AUDIO_MODULES = ("ausine.so",)
_APPLICATIONS = ("menu.so", "ctrl_tcp.so")
# Seconds that baresip may take to answer on its control connection.
_PATIENCE = 3.0


class Baresip(Callee):
    """A baresip that listens on loopback for UDP, TCP and TLS.

    Version 1.0 knows re-INVITE, INFO, MESSAGE and OPTIONS, and neither PRACK nor UPDATE
    nor session timers.

    Attributes:
        tls_port: Where it listens on TLS.
        ca_file: The certificate of the authority that made its own.
    """

    def __init__(
        self,
        folder: Path,
        transport: str = "udp",
        answer: AnswerMode = "auto",
        *,
        has_audio: bool = False,
        registrar: Kamailio | None = None,
        name_server: tuple[str, int] | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: For its files; it is made.
            transport: How it is reached: "udp" or "tcp".
            answer: What it does with a call: "manual" rings, "early" rings with early
                media, both until `accept`; "auto" answers.
            has_audio: Whether it sends audio.
            registrar: Where Bob registers with it, over TLS; None for nowhere.
            name_server: Whom it asks for all names: it reads no file of hosts. None for
                the name servers of the system.
        """
        folder.mkdir()
        self.transport = transport
        self.port = free_port()
        # baresip takes the port after the one that it is given.
        self.tls_port = self.port + 1
        self._control_port = free_port()
        media_port = free_port()
        self._control: socket.socket | None = None
        self.ca_file, certificate, private_key = make_certificates(folder, "localhost")
        both = folder / "phone.pem"
        both.write_bytes(certificate.read_bytes() + private_key.read_bytes())
        modules = _MODULES + (_AUDIO_MODULES if has_audio else ())
        lines = [
            f"sip_listen {HOST}:{self.port}",
            f"sip_certificate {both}",
            # An address: it does not take the loopback interface by its name.
            f"net_interface {HOST}",
            # Else it plays its ringing tones, and complains that it cannot.
            f"audio_path {folder}",
            "audio_source ausine,440",
            "ausrc_srate 48000",
            "ausrc_channels 2",
            f"rtp_ports {media_port}-{media_port + 3}",
            # No running clock on its output, which would fall into the trace.
            "statmode_default off",
            f"module_path {_module_folder()}",
            *(f"module {name}" for name in modules),
            "module_tmp account.so",
            *(f"module_app {name}" for name in _APPLICATIONS),
            f"ctrl_tcp_listen {HOST}:{self._control_port}",
        ]
        account = f"<sip:phone@{HOST}>;regint=0"
        if registrar is not None:
            lines.append(f"sip_cafile {registrar.ca_file}")
            account = (
                f'<sip:bob@{DOMAIN}>;regint=60;auth_user=bob;auth_pass="secret of bob";'
                f'outbound="sip:{HOST}:{registrar.tls_port};transport=tls"'
            )
        if name_server is not None:
            lines.append("dns_server {}:{}".format(*name_server))
        account += f";answermode={answer};audio_codecs=PCMU"
        (folder / "config").write_text("\n".join(lines) + "\n", "utf-8")
        (folder / "accounts").write_text(account + "\n", "utf-8")
        self._process = Process(
            [program_path("baresip"), "-f", str(folder), "-s"], folder
        )

    @property
    def is_ready(self) -> bool:
        """Whether it can be called, and told what to do."""
        if not self._process.is_running:
            raise AssertionError(f"baresip has ended:\n{self._process.output}")
        return (
            is_bound(self.port, "udp")
            and is_bound(self.port, "tcp")
            and is_bound(self.tls_port, "tcp")
            and is_bound(self._control_port, "tcp")
        )

    @property
    def output(self) -> str:
        """Its log."""
        return self._process.output

    def messages(self) -> list[LoggedMessage]:
        """What it has received and sent so far."""
        return parse_trace(self.output, frozenset((self.port, self.tls_port)))

    # -- telling it what to do ------------------------------------------------------

    def accept(self) -> None:
        """Answer the call that rings."""
        self.command("accept")

    def hold(self) -> None:
        """Put the call on hold, by a re-INVITE."""
        self.command("hold")

    def resume(self) -> None:
        """Take the call from hold, by a re-INVITE."""
        self.command("resume")

    def reinvite(self) -> None:
        """Send a re-INVITE that changes nothing."""
        self.command("reinvite")

    def hang_up(self) -> None:
        """End the call, or refuse the one that rings."""
        self.command("hangup")

    def ask_options(self, uri: str) -> None:
        """Send an OPTIONS outside any dialog."""
        self.command("options", uri)

    @property
    def is_in_call(self) -> bool:
        """Whether it thinks that it is in a call."""
        return "Active calls (0)" not in self.command("listcalls")

    def command(self, name: str, parameters: str = "") -> str:
        """Give it a command of its menu, as `help` lists them.

        Returns:
            What it says to that.

        Raises:
            AssertionError: It did not take the command.
        """
        if self._control is None:
            # Not on the reactor: baresip answers at once, and waits for nobody.
            self._control = socket.create_connection((HOST, self._control_port))
            self._control.settimeout(_PATIENCE)
        order = {"command": name, "params": parameters, "token": name}
        self._control.sendall(_netstring(json.dumps(order).encode()))
        for said in self._objects():
            if said.get("response"):
                assert said["ok"], f"baresip: {name} {parameters}: {said['data']}"
                return str(said["data"])
        raise AssertionError(f"baresip said nothing to {name}:\n{self.output}")

    def _objects(self) -> Iterator[dict[str, object]]:
        """What comes over the control connection: events, and the response."""
        assert self._control is not None
        pending = b""
        while True:
            received = self._control.recv(65536)
            if not received:
                return
            pending += received
            while b":" in pending:
                length, _, rest = pending.partition(b":")
                if len(rest) <= int(length):
                    break
                pending = rest[int(length) + 1 :]
                yield json.loads(rest[: int(length)])

    def stop(self) -> None:
        """End it."""
        if self._control is not None:
            self._control.close()
        self._process.stop()


def _netstring(octets: bytes) -> bytes:
    return b"%d:%s," % (len(octets), octets)


def _module_folder() -> Path:
    """Where the modules are: Debian puts them beside, or below its architecture."""
    candidates = [Path("/usr/lib/baresip/modules")]
    candidates += sorted(Path("/usr/lib").glob("*/baresip/modules"))
    candidates.append(Path("/usr/local/lib/baresip/modules"))
    for candidate in candidates:
        if (candidate / "ctrl_tcp.so").exists():
            return candidate
    raise AssertionError(f"baresip's modules are in none of {candidates}")
