"""What became of each branch of a call, in words, from the events of the call.

This is the legend of the ladder (`ua/ladder.py`), and what a person reads who has no
ladder. It says only what the events say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from sipuac.dialog.events import (
    Answered,
    Cancelling,
    EarlyDialogEnded,
    EarlyMedia,
    Ended,
    Established,
    Event,
    ExtraEnded,
    Failed,
    Forked,
    InviteSent,
    MediaMoved,
    ModificationFailed,
    Probe,
    ProtocolWarning,
    Provisional,
    RedirectedTo,
    RequestReceived,
    Retrying,
    SessionModified,
    SessionRefreshed,
    Trying,
)
from sipuac.ua.events import CallEvent
from sipuac.ua.ladder import DEFAULT_WIDTH

_ACTIONS = {
    "leave": "a further branch, left alone",
    "cancel-extra": "one fork too many",
    "hold": "a further branch, held until it was known whether the first one lived",
    "move-media": "a further branch, which gets the media",
    "adopt": "a further branch, which takes the call by a fresh offer",
    "collect": "a further branch, with a media session of its own",
    "take": "a further branch, which takes the call",
    "release": "a further answer, released by ACK and BYE",
    "keep": "a further answer, kept as a call of its own",
    "fail": "a further branch, and the call was given up for it",
}

_ENDINGS = {
    "199": "ended by a proxy's 199",
    "BYE": "ended by the callee's BYE",
    "final": "ended with the final response",
    "timeout": "ended because nothing more came",
    "probe": "found dead by the probe",
}


def draw_legend(
    events: Sequence[CallEvent],
    letters: Mapping[str, str],
    *,
    names: Mapping[str, str] | None = None,
    width: int = DEFAULT_WIDTH,
) -> str:
    """Say what each branch was and what became of it, a paragraph each.

    Args:
        events: The events of one call, in order.
        letters: The letter of each branch by To tag, as in the ladder.
        names: Who is behind a branch, by To tag, where that is known.
        width: Columns of the terminal.

    Returns:
        Lines that end with newlines; the outcome of the whole call is the last one.
    """
    stories: dict[str, list[str]] = {tag: [] for tag in letters}
    who = dict(names or {})
    call_tag: str | None = None
    for event in events:
        body = event.body
        tag = getattr(body, "to_tag", None)
        if isinstance(body, Established):
            call_tag = body.to_tag
        elif isinstance(body, Ended) and body.duration is not None:
            tag = body.to_tag or call_tag
        if not tag:
            continue
        if isinstance(body, Forked) and body.contact and not names:
            who[tag] = body.contact
        story = stories.setdefault(tag, [])
        words = describe_on_branch(body, letters)
        if words and words not in story:
            story.append(words)
    lines = [
        _paragraph(letters.get(tag, "?"), _sentence(who.get(tag), story), width)
        for tag, story in stories.items()
    ]
    lines.append(_paragraph("=", outcome(events, letters), width))
    return "".join(lines)


def outcome(events: Iterable[CallEvent], letters: Mapping[str, str]) -> str:
    """What became of the whole call, as one sentence."""
    call_tag: str | None = None
    words = "The call is not over yet."
    for event in events:
        body = event.body
        if isinstance(body, Established):
            call_tag = body.to_tag
            words = f"The call stands with {_branch(call_tag, letters)}."
        elif isinstance(body, Ended) and body.duration is not None:
            ended_tag = body.to_tag or call_tag or ""
            words = (
                f"The call with {_branch(ended_tag, letters)} lasted "
                f"{body.duration:.1f} s and was {_ended_by(body)}."
            )
        elif isinstance(body, Ended):
            words = "The call was cancelled before anybody had answered, as asked."
        elif isinstance(body, Failed):
            words = f"The call failed: {_failure(body)}."
    return words


def describe(body: Event, letters: Mapping[str, str]) -> str:
    """One event as one line for people."""
    if isinstance(body, InviteSent):
        return "INVITE sent"
    if isinstance(body, Trying):
        return "100: the next hop has the INVITE"
    if isinstance(body, Provisional) and body.to_tag is None:
        return f"{body.status} {body.reason}"
    if isinstance(body, Cancelling):
        return f"cancelling: {body.message}" if body.message else "cancelling"
    if isinstance(body, RedirectedTo):
        return f"redirected ({body.status}) to {', '.join(body.contacts)}"
    if isinstance(body, Retrying):
        return f"{body.status} {body.reason}: tried again {body.action}"
    if isinstance(body, Ended):
        if body.duration is None:
            return "ended: cancelled before an answer"
        return f"ended: {_ended_by(body)} after {body.duration:.1f} s"
    if isinstance(body, Failed):
        return f"failed: {_failure(body)}"
    words = describe_on_branch(body, letters)
    if isinstance(body, Forked) and body.contact:
        words = f"{words} (at {body.contact})"
    tag = getattr(body, "to_tag", None)
    return f"{_branch(tag, letters)}: {words}" if tag else words


def describe_on_branch(body: Event, letters: Mapping[str, str]) -> str:
    """What an event says of its branch; "" where it says nothing worth telling."""
    match body:
        case Provisional():
            return f"{body.status} {body.reason}"
        case EarlyMedia():
            return "its early media was played"
        case MediaMoved():
            return f"the media moved here from {_branch(body.from_branch, letters)}"
        case Forked():
            return _ACTIONS.get(body.action, f"a further branch: {body.action}")
        case Probe():
            return f"asked by {body.method} whether it lives: {body.result}"
        case ExtraEnded(by="none"):
            return "not ended: it gave no address to send a BYE to"
        case ExtraEnded():
            answer = f"answered {body.status}" if body.status else "no answer to it"
            return f"ended by our {body.by}, {answer}"
        case EarlyDialogEnded():
            return _ENDINGS.get(body.by, f"ended by {body.by}")
        case Answered():
            return f"answered with {body.status}"
        case Established():
            return "became the call"
        case SessionModified():
            return f"the session was changed by {_who(body.by)} ({body.method})"
        case SessionRefreshed():
            return f"the session was refreshed by {_who(body.by)} ({body.method})"
        case ModificationFailed():
            return f"a change by {_who(body.by)} failed: {body.message}"
        case RequestReceived():
            return f"{body.method} of the callee"
        case ProtocolWarning():
            return f"warning: {body.message}"
        case Ended():
            return _ended_by(body)
    return ""


def _who(by: str) -> str:
    return "us" if by == "local" else "the callee"


def _ended_by(body: Ended) -> str:
    who = "hung up by us" if body.by == "local" else "hung up by the callee"
    return f"{who} ({body.reason})" if body.reason else who


def _failure(body: Failed) -> str:
    status = f" ({body.status})" if body.status else ""
    return f"{body.error}{status}: {body.message}" if body.message else body.error


def _branch(tag: str, letters: Mapping[str, str]) -> str:
    return f"branch {letters[tag]}" if tag in letters else "a branch"


def _sentence(name: str | None, story: Sequence[str]) -> str:
    words = "; ".join(story) if story else "nothing is known of it"
    return f"{name}: {words}." if name else f"{words}."


def _paragraph(mark: str, text: str, width: int) -> str:
    lines = textwrap.wrap(
        text, width, initial_indent=f"{mark:>3}  ", subsequent_indent=" " * 5
    )
    return "\n".join(lines) + "\n"
