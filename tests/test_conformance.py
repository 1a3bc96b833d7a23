"""The conformance page says what the tests show."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

TOP = Path(__file__).resolve().parent.parent

# Groups of which every tier 1 row has a test, or a note that says why it has none.
COMPLETE = (
    "Message grammar and parsing",
    "Request construction",
    "Response processing",
    "CANCEL",
    "REGISTER",
    "Dialogs",
    "INVITE as a client",
    "Forking, early dialogs and early media",
    "Offer and answer",
    "Reliable provisional responses (PRACK)",
    "UPDATE",
    "BYE, early dialogs included",
    "Transactions and timers",
    "Transports",
    "Locating servers",
    "Digest authentication",
    "Session timers",
    "Reason",
    "Redirection",
    "Security and robustness",
)


def load_generator() -> ModuleType:
    """The program that writes the page; it is no part of any package."""
    spec = spec_from_file_location("make_conformance", TOP / "docs/make_conformance.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class ConformanceTests(SynchronousTestCase):
    """docs/conformance.rst."""

    def setUp(self) -> None:
        """Load the generator."""
        self.generator = load_generator()

    def test_the_page_is_true(self) -> None:
        """The page is what its generator makes of the tests as they are."""
        written = (TOP / "docs/conformance.rst").read_text(encoding="utf-8")
        self.assertEqual(
            written == self.generator.page(),
            True,
            "run python docs/make_conformance.py",
        )

    def test_no_test_names_an_unknown_requirement(self) -> None:
        """Every id in a test's docstring is one of the list."""
        known = {row.id for row in self.generator.requirements()}
        self.assertEqual(set(self.generator.tests_by_id()) - known, set())

    def test_every_core_row_of_a_complete_group_has_a_test_or_a_reason(self) -> None:
        """Tier 1 rows of complete groups have a test, or say why they have none."""
        shown = self.generator.tests_by_id()
        bare = [
            row.id
            for row in self.generator.requirements()
            if row.group in COMPLETE and row.tier == "1"
            if not row.note and row.id not in shown
        ]
        self.assertEqual(bare, [])
