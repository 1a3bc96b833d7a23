"""Tests of `sipuac.on_demand`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.on_demand import OnDemand


class _House:
    __slots__ = ("_cellar",)

    cellar = OnDemand[list[str]](lambda house: [type(house).__name__])


class OnDemandTests(SynchronousTestCase):
    """A part of an object."""

    def test_made_on_first_use(self) -> None:
        """It is made when it is first asked for, from its object, and kept."""
        house = _House()
        self.assertIsNone(_House.cellar.made(house))
        part = house.cellar
        self.assertEqual(part, ["_House"])
        self.assertIs(house.cellar, part)
        self.assertIs(_House.cellar.made(house), part)

    def test_one_each(self) -> None:
        """Each object has its own."""
        self.assertIsNot(_House().cellar, _House().cellar)

    def test_dropped(self) -> None:
        """One that was let go of is made anew."""
        house = _House()
        part = house.cellar
        _House.cellar.drop(house)
        self.assertIsNone(_House.cellar.made(house))
        self.assertIsNot(house.cellar, part)
