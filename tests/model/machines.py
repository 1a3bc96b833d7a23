"""All machines of the package that are tables, in the order of its layers."""

from __future__ import annotations

from functools import cache

from tests.model import dialogs, exchanges, transactions
from tests.model.tables import Model
from tests.model.walks import Walk, walk

MODELS: tuple[Model, ...] = (
    transactions.INVITE_CLIENT,
    transactions.NON_INVITE_CLIENT,
    transactions.INVITE_SERVER,
    transactions.NON_INVITE_SERVER,
    exchanges.EXCHANGE,
    dialogs.SESSION,
    dialogs.BRANCH,
    dialogs.RELIABLE_ORDER,
    dialogs.OWN_MODIFICATION,
    dialogs.SESSION_TIMER,
    dialogs.REGISTRATION,
)


@cache
def walks_of(name: str) -> tuple[Walk, ...]:
    """The walks of a machine, one for each of its scenes, made once for all tests."""
    model = next(one for one in MODELS if one.name == name)
    return tuple(walk(model, scene) for scene in model.scenes)
