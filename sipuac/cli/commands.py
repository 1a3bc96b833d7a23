"""Puts the one-shot commands together: service, output, signals, call."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from sipuac.cli.call import OneShotCall
from sipuac.cli.options import (
    CallOptions,
    DemoOptions,
    QueryOptions,
    RegisterOptions,
)
from sipuac.cli.output import JsonOutput, Lines, Output, TextOutput
from sipuac.cli.query import OneShotQuery
from sipuac.cli.register import OneShotRegistration
from sipuac.errors import LocalProtocolError
from sipuac.service.inviter_service import InviterService
from sipuac.service.registerer_service import RegistererService
from sipuac.service.signals import SignalWatch


class Refused(Exception):
    """What was asked for cannot be, and nothing was sent; the text is one line."""


async def run_call(reactor: Any, options: CallOptions) -> int:
    """`sipuac call`: the exit status, when the call is over.

    Args:
        reactor: What `task.react` gives; Any, as it provides many interfaces.
        options: The options, parsed.

    Raises:
        Refused: The combination of options cannot be.
    """
    arguments = options.inviter_arguments()
    try:
        service = InviterService(reactor=reactor, **arguments)
    except LocalProtocolError as error:
        raise Refused(str(error)) from None
    output: Output = TextOutput(sys.stdout)
    if options["json"]:
        output = JsonOutput(sys.stdout, sys.stderr)
    call = OneShotCall(
        reactor,
        service,
        output,
        options["target"],
        invite_options={**options.invite_arguments(), "headers": options["headers"]},
        duration=options["duration"],
        cancel_after=options["cancel-after"],
        wants_ladder=bool(options["ladder"]),
    )
    return await _run_one(reactor, call)


async def run_register(reactor: Any, options: RegisterOptions) -> int:
    """`sipuac register`: the exit status, when the binding is removed.

    Args:
        reactor: As of `run_call`.
        options: The options, parsed.

    Raises:
        Refused: The combination of options cannot be.
    """
    try:
        service = InviterService(reactor=reactor, **options.wire_arguments())
        registration = RegistererService(
            options["from"],
            credentials=options.credentials,
            **options.registration_arguments(),
        )
    except LocalProtocolError as error:
        raise Refused(str(error)) from None
    registration.setServiceParent(service)  # type: ignore[no-untyped-call]  # Twisted
    output = Lines(sys.stdout, is_json=bool(options["json"]))
    command = OneShotRegistration(
        reactor,
        service,
        registration,
        output,
        duration=options["duration"],
        retries=bool(options["retry"]),
    )
    return await _run_one(reactor, command)


async def run_query(reactor: Any, options: QueryOptions) -> int:
    """`sipuac options`: the exit status, when the answer is there; as above."""
    try:
        service = InviterService(
            reactor=reactor,
            credentials=options.credentials,
            **options.wire_arguments(),
        )
    except LocalProtocolError as error:
        raise Refused(str(error)) from None
    output = Lines(sys.stdout, is_json=bool(options["json"]))
    return await _run_one(reactor, OneShotQuery(service, output, options["target"]))


class _Command(Protocol):
    """A one-shot command; `refusal` says why nothing was sent, None otherwise."""

    refusal: str | None

    def run(self) -> Deferred[int]:
        """Do it; the exit status."""

    def interrupt(self, number: int) -> None:
        """A signal came."""


async def _run_one(reactor: Any, command: _Command) -> int:
    signals = SignalWatch(reactor, command.interrupt)
    signals.start()
    try:
        status = await command.run()
    finally:
        signals.stop()
    if command.refusal is not None:
        raise Refused(command.refusal)
    return status


async def run_demo(reactor: Any, options: DemoOptions) -> int:
    """`sipuac demo`: the exit status, when the demo is over; arguments as above."""
    from sipuac.cli.demo import Demo  # the peers, which nothing else needs

    is_offerless = bool(options["offerless"])
    demo = Demo(reactor, sys.stdout, is_offerless=is_offerless)
    signals = SignalWatch(reactor, demo.interrupt)
    signals.start()
    try:
        return await demo.run()
    finally:
        signals.stop()
