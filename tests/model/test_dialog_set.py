"""A dialog set with two phones, in every order of what can happen, up to a depth.

Its phases are no table. What `tests/dialog/test_random` tries by chance with everything
there is, is tried here completely with little: two phones that ring, describe, answer
and go, media that obeys or refuses, every timer and the end of every request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.acknowledgements import Acknowledgements
from sipuac.dialog.attempt import Attempt, Phase
from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.endings import Endings
from sipuac.dialog.fork_policy import Adopt, CancelExtras, FirstAnswer
from sipuac.dialog.options import InviteOptions
from sipuac.errors import TransactionTimeout
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Response
from tests.dialog.messages import answer, invite, peer_request, response
from tests.dialog.monitor import Monitor
from tests.dialog.violation import Violation

_DEPTH = 4
_TAGS = ("a", "b")
_ANSWER: SessionDescription = answer(1000)

_OPTIONS = {
    "first answer": InviteOptions(policy=FirstAnswer()),
    "cancel extras": InviteOptions(policy=CancelExtras(), has_early_media=True),
    "media takes one answer": InviteOptions(
        policy=Adopt(),
        has_early_media=True,
        can_replace_answer=False,
        can_fork_offer=False,
        extra_ringing="keep",
    ),
    "no offer": InviteOptions(is_offerless=True),
}

Step = tuple[str, ...]
Place = tuple[object, ...]


class World:
    """One INVITE, what watches it, and what may come next."""

    def __init__(self, options: InviteOptions) -> None:
        self.is_offerless = options.is_offerless
        sent = invite(is_offerless=options.is_offerless)
        self.set = DialogSet(sent, options, lambda: 0.0)
        is_free = options.policy.name in ("keep-all", "collect", "adopt")
        self.monitor = Monitor(
            may_fork_media=(is_free and options.can_fork_offer) or self.is_offerless,
            may_owe_ack=self.is_offerless,
        )
        self.peer_number = 0
        self.monitor.effects(self.set.sent())

    # What may come

    def steps(self) -> Iterator[Step]:
        """All that may come now."""
        is_open = self.set.attempt.is_open
        for tag in _TAGS:
            if is_open:
                yield from (("180", tag), ("183", tag), ("199", tag))
            yield ("200", tag)
            if tag in self.set.branches:
                yield ("BYE", tag)
        if is_open:
            yield from (("486", "a"), ("no response",))
        yield ("hang up",)
        for tag, is_applied in self.monitor.media.items():
            if not is_applied:
                yield from (("media obeys", tag), ("media refuses", tag))
        for number in self.monitor.pending:
            yield from (("answered", str(number)), ("not answered", str(number)))
        for timer in self.monitor.running:
            yield ("timer", timer)

    def take(self, step: Step) -> None:
        """Let it come."""
        name, *rest = step
        if name.isdigit():
            self._respond(int(name), rest[0])
        elif name == "BYE":
            self.peer_number += 1
            request = peer_request("BYE", rest[0], self.peer_number)
            self.monitor.request(request, self.set.request_received(request))
        elif name == "no response":
            self.monitor.over(self.set.failed(TransactionTimeout("B")))
        elif name == "hang up":
            self.monitor.effects(self.set.hang_up())
        elif name == "media obeys":
            self._obey(rest[0])
        elif name == "media refuses":
            self.monitor.effects(self.set.media_refused(rest[0], "no"))
        elif name == "timer":
            self.monitor.fired(rest[0], self.set.fire(rest[0]))
        else:
            self._finish(int(rest[0]), is_answered=name == "answered")

    def _respond(self, status: int, tag: str) -> None:
        port = 2000 if status in (183, 200) else None
        rseq = 1 if status == 183 and self.is_offerless else None
        said = response(status, tag, port=port, rseq=rseq)
        self.monitor.response(said, self.set.response_received(said))

    def _obey(self, tag: str) -> None:
        self.monitor.media[tag] = True
        if self.is_offerless:
            self.monitor.effects(self.set.answer_made(tag, _ANSWER))
        else:
            self.monitor.effects(self.set.media_applied(tag))

    def _finish(self, number: int, *, is_answered: bool) -> None:
        result: Response | TransactionTimeout = TransactionTimeout("F")
        if is_answered:
            result = response(200)
        effects = self.set.request_finished(number, result)
        self.monitor.finished(number, 200 if is_answered else 0, effects)

    # What it is

    def place(self) -> Place:
        """What of it makes a difference to what may come."""
        branches = tuple(
            (
                tag,
                branch.state,
                branch.media,
                branch.owed,
                branch.is_acked,
                branch.is_unwanted,
                branch.is_bye_confirmed,
                branch.remote is not None,
                branch.exchange.state,
                None if branch.session is None else branch.session.state,
            )
            for tag, branch in self.set.branches.items()
        )
        pending = (
            (one.branch, one.request.method) for one in self.monitor.pending.values()
        )
        taken = self.set.taken
        return (
            self.set.phase,
            self.set.session.state,
            self.set.attempt.is_closing,
            None if taken is None else taken.tag,
            branches,
            tuple(self.monitor.running),
            tuple(pending),
            tuple(self.monitor.media.items()),
        )

    def check(self) -> None:
        """What must be after each step."""
        self.monitor.need(not self.monitor.unended(), "a 2xx without BYE")

    def end(self) -> None:
        """The caller hangs up, and nothing comes any more but time."""
        self.take(("hang up",))
        for _ in range(100):
            if self.monitor.forgotten:
                return
            if self.monitor.pending:
                self.take(("not answered", str(next(iter(self.monitor.pending)))))
            elif self.monitor.running:
                running = self.monitor.running
                self.take(("timer", min(running, key=running.__getitem__)))
            else:
                # Before any response timer B ends it; after one nobody else would.
                self.monitor.need(self.set.phase is Phase.CALLING, "nothing ends it")
                self.take(("no response",))
        self.monitor.need(False, "it does not end")


def walk(options: InviteOptions, depth: int) -> dict[Place, tuple[Step, ...]]:
    """Every place, by a shortest way to it.

    Raises:
        Violation: A rule was broken; it says by which steps.
    """
    found: dict[Place, tuple[Step, ...]] = {_after(options, ()).place(): ()}
    pending = deque(found.values())
    while pending:
        path = pending.popleft()
        if len(path) == depth:
            continue
        for step in list(_after(options, path).steps()):
            further = (*path, step)
            place = _told(_checked, options, further).place()
            if place not in found:
                found[place] = further
                pending.append(further)
                _told(_ended, options, further)
    return found


def _after(options: InviteOptions, path: tuple[Step, ...]) -> World:
    world = World(options)
    for step in path:
        world.take(step)
    return world


def _checked(options: InviteOptions, path: tuple[Step, ...]) -> World:
    world = _after(options, path)
    world.check()
    return world


def _ended(options: InviteOptions, path: tuple[Step, ...]) -> World:
    world = _after(options, path)
    world.end()
    return world


def _told(
    act: Callable[[InviteOptions, tuple[Step, ...]], World],
    options: InviteOptions,
    path: tuple[Step, ...],
) -> World:
    try:
        return act(options, path)
    except Violation as error:
        steps = "; ".join(" ".join(step) for step in path)
        raise Violation(f"{error}: {steps}") from error


class DialogSetWalkTests(SynchronousTestCase):
    """Each kind of call, in every order."""

    def walk(self, name: str) -> None:
        """No rule is broken on any way, and from each place all comes to its end."""
        self.assertGreater(len(walk(_OPTIONS[name], _DEPTH)), 50)

    def test_first_answer(self) -> None:
        """Without early media the first answer has the call."""
        self.walk("first answer")

    def test_cancel_extras(self) -> None:
        """With early media the others are ended."""
        self.walk("cancel extras")

    def test_media_takes_one_answer(self) -> None:
        """With media that takes one answer another phone needs a fresh offer."""
        self.walk("media takes one answer")

    def test_no_offer(self) -> None:
        """Without an offer each phone makes one."""
        self.walk("no offer")

    def test_it_can_fail(self) -> None:
        """Where a part does not do its duty, the walk finds a way that shows it."""
        for part, name in (
            (Attempt, "_linger"),
            (Attempt, "_send_cancel"),
            (Endings, "bye"),
            (Endings, "early_gone"),
            (Acknowledgements, "ack"),
        ):
            patched = self.patch(part, name, lambda *arguments, **options: None)
            with self.assertRaises(Violation, msg=f"{part.__name__}.{name}"):
                for options in _OPTIONS.values():
                    walk(options, 3)
            patched.restore()
