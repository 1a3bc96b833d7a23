"""A SIPp that registers where a phone is, and answers the challenge by itself."""

from __future__ import annotations

from pathlib import Path

from tests.integration.peers import (
    DOMAIN,
    HOST,
    Callee,
    Kamailio,
    Process,
    free_port,
    program_path,
)
from tests.integration.sipp_log import parse_log
from tests.integration.wire_log import LoggedMessage, WireLog


class SippRegistration(WireLog):
    """Registers a phone of a user of the registrar's domain, and ends.

    SIPp 3.6 computes digests with MD5 only.
    """

    def __init__(
        self, kamailio: Kamailio, user: str, phone: Callee, folder: Path
    ) -> None:
        folder.mkdir()
        self._user = user
        self._messages = folder / "messages.log"
        scenario = folder / "register.xml"
        scenario.write_text(_scenario(user, phone), "utf-8")
        arguments = [program_path("sipp"), "-sf", str(scenario), "-i", HOST]
        arguments += ["-p", str(free_port()), "-m", "1", "-nostdin"]
        arguments += ["-au", user, "-ap", f"secret of {user}"]
        arguments += ["-trace_msg", "-message_file", str(self._messages)]
        self._process = Process([*arguments, f"{HOST}:{kamailio.port}"], folder)

    @property
    def name(self) -> str:
        """How it is called in the words of a failed assertion."""
        return f"registration of {self._user}"

    @property
    def is_done(self) -> bool:
        """Whether it has the 200."""
        return bool(self.received("200 REGISTER"))

    def messages(self) -> list[LoggedMessage]:
        """What it has received and sent so far."""
        if not self._messages.exists():
            return []
        return parse_log(self._messages.read_text("utf-8", "replace"))

    def stop(self) -> None:
        """End it."""
        self._process.stop()


def _scenario(user: str, phone: Callee) -> str:
    contact = f"sip:phone@{HOST}:{phone.port};transport={phone.transport}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<scenario name="register">
{_register(user, contact, 1, "")}
<recv response="401" auth="true"/>
{_register(user, contact, 2, "[authentication]")}
<recv response="200"/>
</scenario>
"""


def _register(user: str, contact: str, cseq: int, more: str) -> str:
    lines = [
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        "Max-Forwards: 70",
        f"From: <sip:{user}@{DOMAIN}>;tag=[call_number]",
        f"To: <sip:{user}@{DOMAIN}>",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} REGISTER",
        f"Contact: <{contact}>",
        "Expires: 120",
        *([more] if more else []),
        "Content-Length: 0",
    ]
    text = "\n".join(lines)
    return f'<send retrans="500"><![CDATA[\n\n{text}\n\n]]></send>'
