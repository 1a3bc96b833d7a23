"""What is written to a terminal."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from sipuac.cli.output import JsonOutput, TextOutput, printable


class PrintableTests(SynchronousTestCase):
    """A peer's words cannot take hold of the terminal."""

    def test_plain_text(self) -> None:
        """What people read is left alone, in any script."""
        for text in ("", "a b\n  c\n", "Занято 🔔 é\n"):
            self.assertEqual(printable(text), text)

    def test_what_is_escaped(self) -> None:
        """Controls, marks of direction and octets that are no UTF-8 are escaped."""
        text = "a\x1b[2J\tb\r\x07\x7f\x9b\u202e\udcff\x00\n"
        expected = "a\\x1b[2J\\tb\\r\\x07\\x7f\\x9b\\u202e\\udcff\\x00\n"
        self.assertEqual(printable(text), expected)

    def test_outputs(self) -> None:
        """Both ways of printing do so."""
        for output, stream in (
            (TextOutput(stdout := io.StringIO()), stdout),
            (JsonOutput(io.StringIO(), stderr := io.StringIO()), stderr),
        ):
            output.text("486 \x1bBusy\n")
            self.assertEqual(stream.getvalue(), "486 \\x1bBusy\n")
