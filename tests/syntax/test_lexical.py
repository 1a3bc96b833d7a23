"""Tests of the small words of the grammar."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.lexical import (
    check_header,
    find_parameter,
    is_token,
    parse_integer,
    parse_parameters,
    parse_seconds,
    quote,
    remove_parameter,
    render_parameters,
    set_parameter,
    split_list,
    unquote,
)
from tests.syntax.generators import TEXTS, Generator


class TokenTests(SynchronousTestCase):
    """What a token is."""

    def test_alphabet(self) -> None:
        """A token is made of alphanumerics and - . ! % * _ + ` ' ~ (section 25.1)."""
        self.assertTrue(is_token("aZ09-.!%*_+`'~"))
        for text in ("", "a b", "a:b", "a;b", "a/b", 'a"', "é", "a\n", "\u212a"):
            self.assertFalse(is_token(text), text)


class QuotedStringTests(SynchronousTestCase):
    """Quoted strings."""

    def test_round_trip(self) -> None:
        """What is quoted is got back by unquoting (3261-25.1-a)."""
        for text in TEXTS:
            self.assertEqual(unquote(quote(text)), text)

    def test_every_backslash_escapes_the_next_character(self) -> None:
        """In a quoted string a backslash stands for the character after it."""
        self.assertEqual(unquote(r'"a\\\"b\c"'), r"a\"bc")

    def test_plain_text_is_left_alone(self) -> None:
        """Text without quotes is no quoted string and stays as it is."""
        for text in ("", '"', "a", 'a"b"', r"a\b"):
            self.assertEqual(unquote(text), text)

    def test_line_breaks_cannot_be_quoted(self) -> None:
        """CR and LF cannot stand in a quoted string, escaped or not."""
        for text in ("a\rb", "a\nb", "\r\n"):
            self.assertRaises(LocalProtocolError, quote, text)


class ListTests(SynchronousTestCase):
    """Comma-separated lists."""

    def test_commas_in_quotes_and_brackets_separate_nothing(self) -> None:
        """Commas within quoted strings and angle brackets belong to the element."""
        text = '"a, \\", <b" <sip:c,d@e> ;x="1,2" , <sip:f,g>,h'
        expected = ['"a, \\", <b" <sip:c,d@e> ;x="1,2"', "<sip:f,g>", "h"]
        self.assertEqual(split_list(text), expected)

    def test_blank_is_no_element(self) -> None:
        """A field without value has no elements."""
        self.assertEqual(split_list(""), [])
        self.assertEqual(split_list(" \t "), [])

    def test_empty_elements_are_refused(self) -> None:
        """The grammar has no empty list elements."""
        for text in (",", "a,", ",a", "a,,b", "<a>,,<b>", '"a", ,b', "<a>,"):
            self.assertRaises(ParseError, split_list, text)

    def test_unclosed_quotes_and_brackets_are_refused(self) -> None:
        """A quote or angle bracket that never closes could hide a comma."""
        for text in ('"a,b', '"a\\",b', "<a,b", '<a>,"', "a,<"):
            self.assertRaises(ParseError, split_list, text)


class ParameterTests(SynchronousTestCase):
    """Parameters of header fields."""

    def test_as_written(self) -> None:
        """Names and values are kept as written, white space round them dropped."""
        expected = (("a", "b"), ("C", None), ("d", '"x;y=\\"z"'), ("e", "f=="))
        self.assertEqual(
            parse_parameters(' ; a = b\t;C ;d= "x;y=\\"z" ;e=f=='), expected
        )
        self.assertEqual(parse_parameters(""), ())

    def test_plain_and_careful_reading_agree(self) -> None:
        """The fast way for plain parameters gives what the careful way gives."""
        for seed in range(200):
            parameters = Generator(seed).parameters("tag")
            text = render_parameters(parameters)
            spaced = text.replace("=", " = ", 1)
            self.assertEqual(parse_parameters(text), parameters, f"seed {seed}")
            if '"' not in text:
                self.assertEqual(parse_parameters(spaced), parameters, f"seed {seed}")

    def test_malformed(self) -> None:
        """Empty, nameless and unreadable parameters are refused."""
        for text in (
            ";",
            ";;a",
            ";a;",
            ";=b",
            ";a=",
            ";a= ;b",
            ";a b",
            ';a="b',
            ';a="b"c',
            ";a=<b>",
            ";a=b,c",
            "a",
            ";a\0",
            ";é=b",
        ):
            self.assertRaises(ParseError, parse_parameters, text)

    def test_names_are_found_in_any_case(self) -> None:
        """Parameter names are compared without regard to case (3261-7.3.1-d)."""
        parameters = (("Tag", "X"), ("lr", None), ("tag", "second"))
        self.assertEqual(find_parameter(parameters, "tag"), "X")
        self.assertEqual(find_parameter(parameters, "lr"), "")
        self.assertIsNone(find_parameter(parameters, "ta"))

    def test_setting_replaces(self) -> None:
        """Any given parameter name must not appear twice (3261-7.3.1-e)."""
        once = set_parameter((("a", "1"), ("Tag", "X")), "tag", "Y")
        self.assertEqual(once, (("a", "1"), ("Tag", "Y")))
        twice = set_parameter((("a", "1"), ("A", "2"), ("b", None)), "a", None)
        self.assertEqual(twice, (("a", None), ("b", None)))
        self.assertEqual(set_parameter((), "a", "1"), (("a", "1"),))

    def test_removing(self) -> None:
        """Removing takes every parameter of that name, in any case."""
        self.assertEqual(remove_parameter((("A", "1"), ("b", "2")), "a"), (("b", "2"),))


class IntegerTests(SynchronousTestCase):
    """Numbers."""

    def test_range(self) -> None:
        """A number is one or more ASCII digits within its range (4475-3.1.2.4-a)."""
        self.assertEqual(parse_integer("0", "n"), 0)
        self.assertEqual(parse_integer("0" * 5000 + "9", "n"), 9)
        self.assertEqual(parse_integer("4294967295", "n"), 2**32 - 1)
        self.assertEqual(parse_integer("255", "n", 255), 255)
        for text in ("4294967296", "36893488147419103232", "9" * 100_000):
            self.assertRaises(ParseError, parse_integer, text, "n")
        self.assertRaises(ParseError, parse_integer, "256", "n", 255)

    def test_what_is_no_number(self) -> None:
        """Signs, spaces, separators and digits of other scripts make no number."""
        for text in ("", "-1", "+1", " 1", "1 ", "1_0", "0x1", "1.0", "١", "²"):
            self.assertRaises(ParseError, parse_integer, text, "n")
            self.assertRaises(ParseError, parse_seconds, text, "n")

    def test_seconds_are_clamped(self) -> None:
        """Seconds beyond 2**32-1 are read as 2**32-1 (4475-3.1.2.4-a)."""
        for text in ("4294967295", "4294967296", "1" + "0" * 100, "9" * 10_000):
            self.assertEqual(parse_seconds(text, "n"), 2**32 - 1)
        self.assertEqual(parse_seconds("4294967294", "n"), 2**32 - 2)
        self.assertEqual(parse_seconds("000000000000000060", "n"), 60)
        self.assertEqual(parse_seconds("999999999", "n"), 999_999_999)


class CheckHeaderTests(SynchronousTestCase):
    """Header fields given by users."""

    def test_harmless(self) -> None:
        """A token with any value on one line is a header field."""
        check_header("X-Foo", 'bar; baz, "quux" ä \t')
        check_header("X-Foo", "")

    def test_injection(self) -> None:
        """A value with CR, LF or NUL would be more than one header field."""
        for value in ("a\r\nVia: x", "a\rb", "a\nb", "a\0b", "\r\n x"):
            self.assertRaises(LocalProtocolError, check_header, "X-Foo", value)

    def test_names(self) -> None:
        """A name that is no token would be something else than a name."""
        for name in ("", "X Foo", "X:Foo", "X-Foo\r\nVia", "Föö", "a\0"):
            self.assertRaises(LocalProtocolError, check_header, name, "bar")

    def test_surrogates(self) -> None:
        """A value that is no Unicode text cannot be written."""
        self.assertRaises(LocalProtocolError, check_header, "X-Foo", "\ud800")
