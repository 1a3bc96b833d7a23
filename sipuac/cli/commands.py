"""Puts the one-shot commands together: service, output, signals, call."""

from __future__ import annotations

import sys
from typing import Any

from sipuac.cli.call import OneShotCall
from sipuac.cli.options import CallOptions, DemoOptions
from sipuac.cli.output import JsonOutput, Output, TextOutput
from sipuac.errors import LocalProtocolError
from sipuac.service.inviter_service import InviterService
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
    signals = SignalWatch(reactor, call.interrupt)
    signals.start()
    try:
        status = await call.run()
    finally:
        signals.stop()
    if call.refusal is not None:
        raise Refused(call.refusal)
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
