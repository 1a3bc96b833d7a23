"""Events of a call with their stamp, and as JSON objects.

One schema serves Python observers, `--json`, the HTTP API and the log.
"""

from __future__ import annotations

import json
from dataclasses import fields

from sipuac.dialog.events import Event
from sipuac.values import value


@value(frozen=True, slots=True)
class CallEvent:
    """An event, and when it happened in which call.

    Attributes:
        time: Seconds since the INVITE was asked for.
        call_id: Call-ID of the call.
        from_tag: Our From tag.
        body: What happened.
    """

    time: float
    call_id: str
    from_tag: str
    body: Event

    def as_dict(self) -> dict[str, object]:
        """The event as the JSON object that every reader of events gets."""
        entries: dict[str, object] = {
            "event": self.body.event,
            "time": round(self.time, 6),
            "call_id": self.call_id,
            "from_tag": self.from_tag,
        }
        for field in fields(self.body):
            entries[field.name] = getattr(self.body, field.name)
        return entries

    def as_json(self) -> str:
        """The event as one line of JSON, without the newline."""
        return json.dumps(self.as_dict(), ensure_ascii=True)
