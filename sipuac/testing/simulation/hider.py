"""Hides which phone a response is from: one To tag for all of them.

Session border controllers do that. The caller has one dialog with what are several
phones one after the other, each with a Contact and a session description of its own.
"""

from __future__ import annotations

from sipuac.testing.simulation.wire import Rows, WireMessage


class Hider:
    """The tags of one proxy.

    Args:
        name: What its own tags begin with.

    Attributes:
        hidden: The tag that the caller sees, by that of the phone.
    """

    def __init__(self, name: str) -> None:
        self.hidden: dict[str, str] = {}
        self._name = name
        self._calls: dict[tuple[str, int], str] = {}
        # The tag of the phone that the caller talks to, by the one that it sees.
        self._current: dict[str, str] = {}
        self._answered: set[str] = set()
        self._ended: set[str] = set()
        self._asked: dict[str, str] = {}

    def response(self, response: WireMessage) -> WireMessage | None:
        """A response to the caller's INVITE as the caller gets it; None for not."""
        tag = response.to_tag
        if not tag or response.status >= 300 or response.status == 100:
            return response
        key = (response.call_id, response.number)
        seen = self._calls.setdefault(key, f"{self._name}-all{len(self._calls) + 1}")
        self.hidden[tag] = seen
        if seen in self._answered:
            if tag != self._current[seen]:
                return None
        else:
            self._current[seen] = tag
        if response.status >= 200:
            if seen in self._ended:
                return None
            self._answered.add(seen)
        return _with_tags(response, {tag: seen})

    def request(self, request: WireMessage) -> WireMessage | None:
        """A request in a dialog of either side, as the other side gets it.

        None where it is of a phone that lost the race, or gives up before its end: the
        caller knows nothing of it.
        """
        current = self._current.get(request.to_tag)
        if current is not None:
            if request.method == "BYE" and request.to_tag not in self._answered:
                self._ended.add(request.to_tag)
            self._asked[request.branch] = request.to_tag
            return _with_tags(request, {request.to_tag: current})
        seen = self.hidden.get(request.from_tag)
        if seen is None:
            return request
        if seen in self._answered:
            if self._current[seen] != request.from_tag:
                return None
        elif request.method == "BYE":
            return None  # another phone may answer yet
        self._asked[request.branch] = request.from_tag
        return _with_tags(request, {request.from_tag: seen})

    def answer(self, response: WireMessage, branch: str) -> WireMessage:
        """The answer to such a request; `branch` is that of the request as it came."""
        asked = self._asked.get(branch)
        if asked is None:
            return response
        if asked in self._current:  # the caller asked
            return _with_tags(response, {response.to_tag: asked})
        return _with_tags(response, {response.from_tag: asked})


def _with_tags(message: WireMessage, tags: dict[str, str]) -> WireMessage:
    """The message with some of its tags exchanged."""
    rows: Rows = []
    for name, value in message.rows:
        if name in ("From", "To"):
            start, _, tag = value.partition(";tag=")
            if tag in tags:
                value = f"{start};tag={tags[tag]}"
        rows.append((name, value))
    return message.with_rows(rows)
