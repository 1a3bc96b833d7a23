"""Phones for the floods, over UDP, TCP and TLS: what they saw is a part of the verdict.

python -m tests.soak.answering PORT OTHER_PORT FOLDER

The first answers and waits for a BYE; the second answers and hangs up. Both are those
of `sipuac.testing`, so this process shares its transports with sipuac, and no more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sipuac.testing.phone import Phone
from sipuac.testing.script import Script, answer, hang_up, ring
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import default_listeners
from tests.soak.relay import HOST

# Seconds after the ACK.
HANGS_UP_AFTER = 0.3


def main() -> None:
    """Answer until told to end, and write down who is still in a call."""
    ports, folder = [int(port) for port in sys.argv[1:3]], Path(sys.argv[3])
    from twisted.internet import reactor

    the_reactor: Any = reactor
    scripts = {
        "waits": Script(ring(0.0), answer(0.05)),
        "hangs-up": Script(ring(0.0), answer(0.05), hang_up(HANGS_UP_AFTER)),
    }
    phones = []
    for (name, script), port in zip(scripts.items(), ports, strict=True):
        transport = TransportLayer(the_reactor, default_listeners(HOST, port))
        phone = Phone(transport, the_reactor, script, name=name)
        phone.start()
        phones.append(phone)
    the_reactor.run()
    figures = {
        phone.name: {
            "calls": len(phone.calls),
            "answered": sum(dialog.has_answered for dialog in phone.dialogs),
            "in calls": [
                dialog.call.invite.call_id
                for dialog in phone.dialogs
                if dialog.has_answered and dialog.state != "ended"
            ],
            "ended otherwise": [
                f"{dialog.call.invite.call_id}: {dialog.ended_by}"
                for dialog in phone.dialogs
                if dialog.has_answered and dialog.ended_by not in ("BYE", "own BYE")
            ],
        }
        for phone in phones
    }
    (folder / "answering.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
