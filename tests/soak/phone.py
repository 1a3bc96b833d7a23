"""The phones of the soak, in one process: what they saw is the verdict.

python -m tests.soak.phone PORT T1 FOLDER

The user part of the INVITE says how a phone behaves. What goes wrong at a phone is
written down as it happens, a line of JSON each; the counters at the end.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from twisted.internet.protocol import DatagramProtocol

from tests.soak.phone_call import PhoneCall
from tests.soak.phone_text import HOST, Text, response
from tests.soak.relay import make_room


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does about an INVITE.

    Attributes:
        early: Whether it describes early media in a reliable 183.
        rings: Whether it rings.
        after: Seconds until its final response, after the PRACK where there is a 183;
            None for never.
        final: The final response.
        hangs_up: Seconds after the ACK until it hangs up; None for never.
        minds_cancel: Whether it ends at a CANCEL; it answers the INVITE otherwise.
    """

    early: bool = False
    rings: bool = True
    after: float | None = 0.1
    final: str = "200 OK"
    hangs_up: float | None = None
    minds_cancel: bool = True


BEHAVIOURS = {
    "plain": Behaviour(),
    "held": Behaviour(),
    "standing": Behaviour(),
    "forked": Behaviour(),
    "forked-late": Behaviour(after=None, minds_cancel=False),
    "early": Behaviour(early=True, rings=False),
    "cancelled": Behaviour(after=None),
    "callee": Behaviour(hangs_up=0.5),
    "busy": Behaviour(rings=False, final="486 Busy Here"),
}


class Phones(DatagramProtocol):
    """All phones, on one port.

    Args:
        reactor: The only source of time.
        troubles: Gets a line for each thing that goes wrong.
        t1: Seconds (RFC 3261 section 17).

    Attributes:
        counts: What happened how often.
    """

    noisy = False
    transport: Any

    def __init__(self, reactor: Any, troubles: IO[str], t1: float = 0.5) -> None:
        self.clock = reactor
        self.t1 = t1
        self.counts: Counter[str] = Counter()
        self._troubles = troubles
        self._serial = 0
        self._calls: dict[str, PhoneCall] = {}
        self._dialogs: dict[tuple[str, str], PhoneCall] = {}
        self._answers: dict[tuple[str, str], bytes] = {}
        self._old_answers: deque[tuple[float, tuple[str, str]]] = deque()
        self._requests: dict[str, Callable[[Text], None]] = {}

    def startProtocol(self) -> None:
        """Ask the system for room."""
        make_room(self.transport)

    @property
    def port(self) -> int:
        """The port of all phones."""
        port: int = self.transport.getHost().port
        return port

    def serial(self) -> int:
        """A number that was not given out before."""
        self._serial += 1
        return self._serial

    def trouble(self, what: str, call: PhoneCall, **more: object) -> None:
        """Write down what should not have happened."""
        self.counts[what] += 1
        invite = call.invite
        line: dict[str, object] = {
            "what": what,
            "call_id": invite.call_id,
            "tag": call.tag,
        }
        line |= {"kind": invite.user, "time": self.clock.seconds(), **more}
        self._troubles.write(json.dumps(line) + "\n")

    # -- what comes

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """See `DatagramProtocol`."""
        text = Text(datagram)
        if text.status:
            waiting = self._requests.get(text.branch)
            if waiting is not None:
                waiting(text)
        elif text.method == "ACK":
            call = self._calls.get(text.branch)
            if call is None:
                call = self._dialogs.get((text.call_id, text.to_tag))
            if call is not None:
                call.acknowledged(text)
        elif text.method == "INVITE" and not text.to_tag:
            self._invited(text, addr)
        else:
            self._asked(text, addr)

    def _invited(self, invite: Text, source: tuple[str, int]) -> None:
        call = self._calls.get(invite.branch)
        if call is not None:
            call.repeat()
            return
        behaviour = BEHAVIOURS.get(invite.user)
        if behaviour is None:
            self.transport.write(response(invite, "404 Not Found", "none"), source)
            return
        self.counts[f"invited {invite.user}"] += 1
        call = PhoneCall(self, invite, source, behaviour)
        self._calls[invite.branch] = call
        self._dialogs[invite.call_id, call.tag] = call
        call.begin()

    def _asked(self, request: Text, source: tuple[str, int]) -> None:
        key = (request.branch, request.method)
        octets = self._answers.get(key)
        if octets is None:
            octets = self._answer(request, source)
            if octets is None:
                return
            now = self.clock.seconds()
            self._answers[key] = octets
            self._old_answers.append((now, key))
            while now - self._old_answers[0][0] > 64 * self.t1:
                del self._answers[self._old_answers.popleft()[1]]
        self.transport.write(octets, source)

    def _answer(self, request: Text, source: tuple[str, int]) -> bytes | None:
        if request.method == "CANCEL":
            call = self._calls.get(request.branch)
            if call is None:
                return response(request, "481 No Such Call", "none")
            octets = response(request, "200 OK", call.tag)
            call.cancelled()
            return octets
        call = self._dialogs.get((request.call_id, request.to_tag))
        if call is None:
            self.counts[f"stray {request.method}"] += 1
            return response(request, "481 No Such Call", "none")
        return call.asked(request, source)

    # -- for the calls

    def send(self, octets: bytes, address: tuple[str, int]) -> None:
        """Send a datagram."""
        self.transport.write(octets, address)

    def expect(self, branch: str, answered: Callable[[Text], None]) -> None:
        """Call this with the responses to a request of ours."""
        self._requests[branch] = answered

    def expect_no_more(self, branch: str) -> None:
        """No responses are wanted any more."""
        self._requests.pop(branch, None)

    def forget(self, call: PhoneCall) -> None:
        """The call is over, and late messages of it as well."""
        self._calls.pop(call.invite.branch, None)
        self._dialogs.pop((call.invite.call_id, call.tag), None)

    def close(self) -> None:
        """The end of the soak: calls that are not over are trouble."""
        for call in self._calls.values():
            if call.is_unended:
                self.trouble("not ended", call, acknowledged=call.is_acknowledged)
        self.counts["left"] = len(self._calls)


def main() -> None:
    """Answer calls until told to end."""
    port, t1, folder = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    from twisted.internet import reactor

    the_reactor: Any = reactor
    with (folder / "phones.jsonl").open("w") as troubles:
        phones = Phones(the_reactor, troubles, t1)
        the_reactor.listenUDP(port, phones, HOST, maxPacketSize=65535)
        the_reactor.run()
        phones.close()
    (folder / "phones.json").write_text(json.dumps(phones.counts))


if __name__ == "__main__":
    main()
