"""How a request of the callee inside a dialog is answered.

RFC 3261 sections 8.2 and 12.2.2, in their order: sequence, method, Require; then what
the method asks for. Only BYE changes anything beyond the answer.
"""

from __future__ import annotations

from sipuac.dialog.capabilities import (
    ACCEPT,
    ALLOW,
    ALLOWED_METHODS,
    KNOWN_METHODS,
    UNDERSTOOD_EXTENSIONS,
)
from sipuac.dialog.dialog import Dialog, DialogState
from sipuac.syntax.message import Request, Response, response_to


def answer_to(dialog: Dialog, request: Request) -> Response:
    """The answer to a request other than ACK and CANCEL in this dialog.

    The sequence number is remembered, so each new request is asked about once.

    Raises:
        ParseError: The request cannot be read; its `status_hint` is the answer.
    """
    if dialog.state is DialogState.TERMINATED:
        return response_to(request, 481)
    if not dialog.is_in_order(request):
        return response_to(request, 500)
    if request.method not in ALLOWED_METHODS:
        # 405 where the method is known, 501 where it is not (8.2.1, 21.5.2).
        status = 405 if request.method in KNOWN_METHODS else 501
        return response_to(request, status, headers=(("Allow", ALLOW),))
    unknown = [tag for tag in request.require if tag not in UNDERSTOOD_EXTENSIONS]
    if unknown:
        refused = (("Unsupported", ", ".join(unknown)),)
        return response_to(request, 420, headers=refused)
    if request.method == "PRACK":
        # We send no provisional response reliably, so it matches none (RFC 3262 3).
        return response_to(request, 481)
    if request.method == "INVITE":
        return _refuse_offer(dialog, request)
    if request.method == "OPTIONS":
        fields = (("Allow", ALLOW), ("Accept", ACCEPT))
        return response_to(request, 200, headers=fields)
    return response_to(request, 200)


def _refuse_offer(dialog: Dialog, request: Request) -> Response:
    if dialog.state is DialogState.EARLY:
        # RFC 3261 14.2: "A UAS that receives an INVITE on a dialog while an INVITE it
        # had sent on that dialog is in progress MUST return a 491".
        return response_to(request, 491)
    warning = '399 sipuac "The session of this call is not changed"'
    return response_to(request, 488, headers=(("Warning", warning),))
