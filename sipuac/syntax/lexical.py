"""The small words of the grammar: tokens, quoted strings, lists, parameters, numbers.

All of it runs in linear time: the expressions are made of possessive repetitions, which
never give back what they have matched.
"""

from __future__ import annotations

import re

from sipuac.errors import LocalProtocolError, ParseError

#: What a parameter list becomes: names and values as written, None without "=".
Parameters = tuple[tuple[str, str | None], ...]

#: Spaces that may surround the parts of a field; `str.strip` alone would also take
#: characters that are not white space in SIP.
WHITE_SPACE = " \t"

MAX_UINT32 = 2**32 - 1

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"
QUOTED_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# Wider than token / host: real branches and tags hold "=", "@", "/" and more.
_PLAIN_VALUE = r'[^\x00-\x20\x7F;,"<>]++'

_TOKEN = re.compile(TOKEN)
_QUOTED_STRING = re.compile(QUOTED_STRING, re.DOTALL)
#: Parameters that `split_parameters` takes, or none.
PLAIN_PARAMETERS = rf"(?:;{TOKEN}(?:={_PLAIN_VALUE})?+)*+"
_PLAIN_PARAMETERS = re.compile(PLAIN_PARAMETERS)
_PARAMETER = re.compile(
    rf"[ \t]*+;[ \t]*+({TOKEN})[ \t]*+"
    rf"(?:=[ \t]*+({QUOTED_STRING}|{_PLAIN_VALUE})[ \t]*+)?+",
    re.DOTALL,
)
_COMMENT_MARK = re.compile(r"[()]|\\.", re.DOTALL)
_LIST_MARK = re.compile(r'[,"<]')
_NEEDS_ESCAPE = re.compile(r'["\\\x00-\x08\x0B\x0C\x0E-\x1F\x7F]')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def is_token(text: str) -> bool:
    """Whether the text is a token: at least one character, all of the allowed set."""
    return _TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """The text as a quoted string (RFC 3261 section 25.1).

    Raises:
        LocalProtocolError: It holds CR or LF, which no quoted string can express.
    """
    if "\r" in text or "\n" in text:
        raise LocalProtocolError("a quoted string cannot hold CR or LF")
    return '"' + _NEEDS_ESCAPE.sub(r"\\\g<0>", text) + '"'


def unquote(text: str) -> str:
    """What a quoted string stands for; any other text unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def comment_end(text: str, start: int) -> int:
    """Where a comment ends, behind its last parenthesis (RFC 3261 section 25.1).

    Comments may stand in one another, and a quoted pair opens and closes none.

    Args:
        text: The value of a field.
        start: Where its first parenthesis is.

    Raises:
        ParseError: It is never closed.
    """
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        if mark[0] == "(":
            depth += 1
        elif mark[0] == ")":
            depth -= 1
            if not depth:
                return mark.end()
    raise ParseError("a comment is never closed")


def split_list(text: str) -> list[str]:
    """The elements of a comma-separated list, in order, white space stripped.

    Commas within quoted strings and within angle brackets separate nothing.

    Returns:
        No elements for a blank text.

    Raises:
        ParseError: An element is empty, or a quote or angle bracket is never closed.
    """
    if "," not in text:
        text = text.strip(WHITE_SPACE)
        return [text] if text else []
    if '"' in text or "<" in text:
        elements = _split_guarded(text)
    else:
        elements = [element.strip(WHITE_SPACE) for element in text.split(",")]
    if "" in elements:
        raise ParseError("a comma-separated list has an empty element")
    return elements


def _split_guarded(text: str) -> list[str]:
    elements = []
    start = position = 0
    while mark := _LIST_MARK.search(text, position):
        position = mark.end()
        if mark[0] == ",":
            elements.append(text[start : position - 1].strip(WHITE_SPACE))
            start = position
        elif mark[0] == '"':
            string = _QUOTED_STRING.match(text, position - 1)
            if string is None:
                raise ParseError("a quoted string is never closed")
            position = string.end()
        else:
            position = text.find(">", position) + 1
            if not position:
                raise ParseError("an angle bracket is never closed")
    elements.append(text[start:].strip(WHITE_SPACE))
    return elements


def parse_parameters(text: str) -> Parameters:
    """The parameters of a header field, from the first ";" to the end of its value.

    Quoted values keep their quotes, so that they are rendered as they were written.

    Raises:
        ParseError: A parameter is empty, nameless, or has an unreadable value.
    """
    if not text:
        return ()
    if _PLAIN_PARAMETERS.fullmatch(text):
        return split_parameters(text)
    parameters: list[tuple[str, str | None]] = []
    position = 0
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        if parameter is None:
            rest = text[position : position + 60]
            raise ParseError(f"unreadable parameter: {rest!r}")
        parameters.append((parameter[1], parameter[2]))
        position = parameter.end()
    return tuple(parameters)


def split_parameters(text: str) -> Parameters:
    """The parameters in a text that starts with ";" and holds no quotes or spaces."""
    if text.find(";", 1) < 0:
        name, equals, value = text[1:].partition("=")
        return ((name, value if equals else None),)
    pairs: list[tuple[str, str | None]] = []
    for piece in text[1:].split(";"):
        name, equals, value = piece.partition("=")
        pairs.append((name, value if equals else None))
    return tuple(pairs)


def render_parameters(parameters: Parameters) -> str:
    """The parameters as text, each with its ";" in front."""
    pieces = [
        f";{name}" if value is None else f";{name}={value}"
        for name, value in parameters
    ]
    return "".join(pieces)


def find_parameter(parameters: Parameters, name: str) -> str | None:
    """Value of a parameter as written, its first where there are several.

    Args:
        parameters: The parameters to search.
        name: The name, in lower case.

    Returns:
        "" for a parameter without value, None where it is absent.
    """
    for key, value in parameters:
        if key == name or (len(key) == len(name) and key.lower() == name):
            return "" if value is None else value
    return None


def set_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """A copy with this parameter, where it stood or else at the end."""
    wanted = name.lower()
    kept = []
    is_placed = False
    for key, old in parameters:
        if key.lower() != wanted:
            kept.append((key, old))
        elif not is_placed:
            kept.append((key, value))
            is_placed = True
    if not is_placed:
        kept.append((name, value))
    return tuple(kept)


def remove_parameter(parameters: Parameters, name: str) -> Parameters:
    """A copy without any parameter of that name."""
    wanted = name.lower()
    return tuple([pair for pair in parameters if pair[0].lower() != wanted])


def parse_integer(text: str, what: str, maximum: int = MAX_UINT32) -> int:
    """A number of decimal digits from 0 to `maximum`.

    Args:
        text: The digits, without surrounding space.
        what: What the number is, for the error.
        maximum: The largest number that is allowed.

    Raises:
        ParseError: It is no such number.
    """
    # int() alone would also read "+1", "1_0" and digits of other scripts, and would
    # take quadratic time for very many of them.
    if text.isdigit() and text.isascii():
        digits = text if len(text) <= 10 else text.lstrip("0") or "0"
        if len(digits) <= 10:
            number = int(digits)
            if number <= maximum:
                return number
        raise ParseError(f"{what} is beyond {maximum}: {text[:40]}")
    raise ParseError(f"{what} is not a number: {text[:40]!r}")


def parse_seconds(text: str, what: str) -> int:
    """A number of seconds; one beyond 2**32-1 is read as 2**32-1.

    RFC 3261 section 20.19: "The value of this field is an integral number of seconds
    (in decimal) between 0 and (2**32)-1".

    Raises:
        ParseError: It is no number.
    """
    if text.isdigit() and text.isascii() and len(text.lstrip("0")) > 9:
        return min(int(text.lstrip("0")[:11]), MAX_UINT32)
    return parse_integer(text, what)


def check_header(name: str, value: str) -> None:
    """Make sure that a header field given by a user is one header field and no more.

    Raises:
        LocalProtocolError: The name is no token, or the value holds CR, LF or NUL or is
            no Unicode text.
    """
    if not is_token(name):
        raise LocalProtocolError(f"not a name of a header field: {name[:60]!r}")
    if "\r" in value or "\n" in value or "\0" in value:
        raise LocalProtocolError(f"the value of {name} holds CR, LF or NUL")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"the value of {name} is no Unicode text") from error
