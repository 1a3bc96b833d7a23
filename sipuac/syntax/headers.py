"""The header fields of a message, and what they mean (RFC 3261 sections 7.3 and 20).

The rows are kept as they came. A field is read when somebody asks for it, once. The
Call-ID, the branch, the tags and CSeq, which decide where a message belongs, are found
without reading the rest of their fields where that is safe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sipuac.errors import ParseError
from sipuac.syntax.fields import (
    CSeq,
    MediaType,
    NameAddress,
    Reason,
    RetryAfter,
    Via,
    Warning,
    parse_expires,
    parse_max_breadth,
    parse_max_forwards,
    parse_rseq,
)
from sipuac.syntax.fields_routing import read_route
from sipuac.syntax.lexical import WHITE_SPACE, split_list
from sipuac.syntax.names import USUAL_SPELLINGS, canonical_name

_T = TypeVar("_T")

# What makes the fast search for a parameter unsafe: quotes, spaces, lists.
_ODD_END = re.compile(r'[">; \t,]')
_EARLIER_BRANCH = re.compile(r";[Bb \t]")
_UNSAFE = re.compile(r'[" \t,]')


class Headers:
    """Header fields in order, by name and as typed values.

    All typed properties but `reasons`, `warnings` and `error_infos` raise `ParseError`
    where the field is malformed, and where it is mandatory and absent. The lists that
    they return are kept: do not change them.
    """

    __slots__ = (
        "_branch",
        "_cseq",
        "_from",
        "_from_tag",
        "_names",
        "_parsed",
        "_to",
        "_to_tag",
        "_top_via",
        "_values",
    )

    # Rows as two lists of equal length. Names are canonical where they are known, and
    # as written otherwise.
    _names: list[str]
    _values: list[str]
    # What is read of nearly every message, None before it is; "" where there is no
    # branch or tag. Attributes take half the time of a dictionary.
    _branch: str | None
    _cseq: CSeq | None
    _from: NameAddress | None
    _from_tag: str | None
    _to: NameAddress | None
    _to_tag: str | None
    _top_via: Via | None
    # Results of the other typed properties by the name of the property: `Any`, as each
    # has a type of its own.
    _parsed: dict[str, Any]

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take rows in order, in any spelling of their names."""
        names: list[str] = []
        values: list[str] = []
        usual = USUAL_SPELLINGS
        for name, value in rows:
            try:
                names.append(usual[name])
            except KeyError:
                names.append(canonical_name(name))
            values.append(value)
        self._keep(names, values)

    def _keep(self, names: list[str], values: list[str]) -> None:
        """Begin with these rows, and with nothing read of them."""
        self._names = names
        self._values = values
        self._branch = None
        self._cseq = None
        self._from = None
        self._from_tag = None
        self._to = None
        self._to_tag = None
        self._top_via = None
        self._parsed = {}

    # Rows

    def get(self, name: str) -> str | None:
        """Value of the first row of a field, by any spelling of its name."""
        key = USUAL_SPELLINGS.get(name)
        if key is not None:
            return self._first(key)
        indexes = self._indexes(name)
        return self._values[indexes[0]] if indexes else None

    def get_all(self, name: str) -> list[str]:
        """Values of all rows of a field, as they came: lists are not split."""
        return [self._values[index] for index in self._indexes(name)]

    def header_items(self) -> list[tuple[str, str]]:
        """All rows in order: canonical name (unknown ones as written) and value."""
        return list(zip(self._names, self._values, strict=True))

    def header_names(self) -> list[str]:
        """Names of all rows in order, as `header_items` has them; not to be changed."""
        return self._names

    def _indexes(self, name: str) -> list[int]:
        names = self._names
        key = USUAL_SPELLINGS.get(name) or canonical_name(name)
        if key in USUAL_SPELLINGS:
            if key not in names:
                return []
            return [index for index, known in enumerate(names) if known == key]
        key = key.lower()
        return [index for index, known in enumerate(names) if known.lower() == key]

    def _first(self, key: str) -> str | None:
        """First value of a field, by its canonical name."""
        names = self._names
        return self._values[names.index(key)] if key in names else None

    def _required(self, key: str) -> str:
        try:
            return self._values[self._names.index(key)]
        except ValueError:
            raise ParseError(f"{key} is missing") from None

    def _elements(self, key: str) -> list[str]:
        """All values of a list field, its rows split at their commas."""
        elements: list[str] = []
        for row in self._rows(key):
            if "," in row:
                elements += split_list(row)
            elif text := row.strip(WHITE_SPACE):
                elements.append(text)
        return elements

    def _read_list(self, key: str, parse: Callable[[str], _T]) -> list[_T]:
        """All values of a list field, read."""
        names = self._names
        if key not in names:
            return []
        if names.count(key) == 1:
            # What most messages have, in half the time.
            text = self._values[names.index(key)].strip(WHITE_SPACE)
            if text and "," not in text:
                return [parse(text)]
        return [*map(parse, self._elements(key))]

    def _rows(self, key: str) -> list[str]:
        """All values of a field as they came, by its canonical name."""
        names, values = self._names, self._values
        if key not in names:
            return []
        index = names.index(key)
        rows = [values[index]]
        # Twice as fast as a loop over all rows.
        for _ in range(names.count(key) - 1):
            index = names.index(key, index + 1)
            rows.append(values[index])
        return rows

    def _once(self, key: str, read: Callable[[], _T]) -> _T:
        """What `read` returned when it was first called for this key."""
        parsed = self._parsed
        if key not in parsed:
            parsed[key] = read()
        result: _T = parsed[key]
        return result

    def _locate_top_via(self) -> tuple[int, str]:
        """Row of the top Via, and the other values in that row."""
        if "Via" not in self._names:
            raise ParseError("Via is missing")
        index = self._names.index("Via")
        return index, ", ".join(split_list(self._values[index])[1:])

    # What decides where a message belongs

    @property
    def call_id(self) -> str:
        """The Call-ID, compared with regard to case (section 20.8)."""
        return self._required("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """Number and method of the request that this is or answers (section 20.16)."""
        cseq = self._cseq
        if cseq is None:
            self._cseq = cseq = CSeq.parse(self._required("CSeq"))
        return cseq

    @property
    def branch(self) -> str | None:
        """Branch of the top Via, None where it has none (RFC 2543 had none)."""
        branch = self._branch
        if branch is None:
            self._branch = branch = self._read_branch() or ""
        return branch or None

    def _read_branch(self) -> str | None:
        text = self._required("Via")
        # A comma would perhaps make this the branch of another Via.
        if '"' not in text and "," not in text:
            before, found, section = text.partition(";branch=")
            # Of two branches the first counts, however its name is written.
            is_first = ";" not in before or _EARLIER_BRANCH.search(before) is None
            if found and before and is_first:
                if " " not in section and "\t" not in section:
                    return section.partition(";")[0] or None
        return self.top_via.branch

    @property
    def from_tag(self) -> str | None:
        """Tag of From, None where it has none."""
        tag = self._from_tag
        if tag is None:
            tag = _find_tag(self._required("From"))
            if tag is None:
                tag = self.from_.tag or ""
            self._from_tag = tag
        return tag or None

    @property
    def to_tag(self) -> str | None:
        """Tag of To, None where it has none."""
        tag = self._to_tag
        if tag is None:
            tag = _find_tag(self._required("To"))
            if tag is None:
                tag = self.to.tag or ""
            self._to_tag = tag
        return tag or None

    # Addresses

    @property
    def top_via(self) -> Via:
        """The first Via: of the element that sent this message, or of ourselves."""
        via = self._top_via
        if via is None:
            text = self._required("Via")
            if "," in text:
                text = split_list(text)[0]
            self._top_via = via = Via.parse(text)
        return via

    @property
    def vias(self) -> list[Via]:
        """All Via values, the top one first."""
        parsed = self._parsed
        if "vias" not in parsed:
            parsed["vias"] = self._read_vias()
        vias: list[Via] = parsed["vias"]
        return vias

    def _read_vias(self) -> list[Via]:
        names = self._names
        if names.count("Via") == 1:
            row = self._values[names.index("Via")]
            if row and "," not in row:
                return [self.top_via]
        elements = self._elements("Via")
        return [self.top_via, *map(Via.parse, elements[1:])] if elements else []

    @property
    def from_(self) -> NameAddress:
        """Who the request is from."""
        address = self._from
        if address is None:
            self._from = address = NameAddress.parse(self._required("From"))
        return address

    @property
    def to(self) -> NameAddress:
        """Whom the request is for."""
        address = self._to
        if address is None:
            self._to = address = NameAddress.parse(self._required("To"))
        return address

    @property
    def contacts(self) -> list[NameAddress]:
        """All Contact values; none where the field is "*" (`has_wildcard_contact`)."""
        parsed = self._parsed
        if "contacts" not in parsed:
            parsed["contacts"] = self._read_contacts()
        addresses: list[NameAddress] = parsed["contacts"]
        return addresses

    def _read_contacts(self) -> list[NameAddress]:
        try:
            return self._read_list("Contact", NameAddress.parse)
        except ParseError:
            if self._elements("Contact") == ["*"]:
                return []
            raise

    @property
    def has_wildcard_contact(self) -> bool:
        """Whether Contact is "*", which removes all bindings (section 10.2.2)."""
        return self._first("Contact") == "*"

    @property
    def routes(self) -> list[NameAddress]:
        """All Route values, the next hop first."""
        return self._addresses("routes", "Route")

    @property
    def record_routes(self) -> list[NameAddress]:
        """All Record-Route values, as they stand in the message."""
        return self._addresses("record_routes", "Record-Route")

    def _addresses(self, attribute: str, key: str) -> list[NameAddress]:
        """All values of a field of routes; kept under the name of their property."""
        parsed = self._parsed
        if attribute not in parsed:
            parsed[attribute] = self._read_list(key, read_route)
        addresses: list[NameAddress] = parsed[attribute]
        return addresses

    # Other fields

    @property
    def content_type(self) -> MediaType | None:
        """Type of the body, None where the field is absent."""
        return self._once(
            "content_type", lambda: self._read("Content-Type", MediaType.parse)
        )

    @property
    def max_forwards(self) -> int | None:
        """How many hops the request may still take, 0 to 255."""
        return self._read("Max-Forwards", parse_max_forwards)

    @property
    def max_breadth(self) -> int | None:
        """How many branches the request may have at a time (RFC 5393 section 5.3.3)."""
        return self._read("Max-Breadth", parse_max_breadth)

    @property
    def expires(self) -> int | None:
        """Seconds of Expires, None where it is absent."""
        return self._read("Expires", parse_expires)

    @property
    def rseq(self) -> int | None:
        """Number of a reliable provisional response (RFC 3262 section 7.1)."""
        return self._read("RSeq", parse_rseq)

    @property
    def retry_after(self) -> RetryAfter | None:
        """When to try again, None where the field is absent."""
        return self._read("Retry-After", RetryAfter.parse)

    @property
    def reasons(self) -> list[Reason]:
        """All Reason values that can be read (RFC 3326)."""
        return self._once("reasons", lambda: self._readable("Reason", Reason.parse))

    @property
    def warnings(self) -> list[Warning]:
        """All Warning values that can be read."""
        return self._once("warnings", lambda: self._readable("Warning", Warning.parse))

    @property
    def error_infos(self) -> list[NameAddress]:
        """Where more is said of the failure, as far as it can be read (20.18).

        That is for the application to follow, or not.
        """
        return self._once(
            "error_infos", lambda: self._readable("Error-Info", NameAddress.parse)
        )

    def _readable(self, key: str, parse: Callable[[str], _T]) -> list[_T]:
        """Values of a list field without those that are malformed."""
        values: list[_T] = []
        for row in self._rows(key):
            try:
                elements = split_list(row)
            except ParseError:
                continue
            for element in elements:
                try:
                    values.append(parse(element))
                except ParseError:
                    continue
        return values

    def _read(self, key: str, parse: Callable[[str], _T]) -> _T | None:
        text = self._first(key)
        return None if text is None else parse(text)

    def tokens(self, name: str) -> list[str]:
        """Elements of a field that is a list of tokens, as written.

        Empty elements are passed over: they name nothing.
        """
        elements = []
        for value in self.get_all(name):
            for element in value.split(","):
                token = element.strip(WHITE_SPACE)
                if token:
                    elements.append(token)
        return elements

    def has_token(self, name: str, token: str) -> bool:
        """Whether a list of tokens holds this one, in any case."""
        wanted = token.lower()
        return any(element.lower() == wanted for element in self.tokens(name))

    @property
    def allow(self) -> list[str]:
        """Methods that the sender takes (section 20.5)."""
        return self.tokens("Allow")

    @property
    def supported(self) -> list[str]:
        """Option tags that the sender supports (section 20.37)."""
        return self.tokens("Supported")

    @property
    def require(self) -> list[str]:
        """Option tags that the receiver must support (section 20.32)."""
        return self.tokens("Require")

    @property
    def unsupported(self) -> list[str]:
        """Option tags that the server does not support (section 20.40)."""
        return self.tokens("Unsupported")


def _find_tag(text: str) -> str | None:
    """The tag of an address field, without reading the address.

    Returns:
        The tag, "" where there is certainly none, None where only reading it all tells.
    """
    # Nearly all end so: a tag right after the bracket, and nothing odd behind it.
    _, _, tail = text.partition(">;tag=")
    if tail and (tail.isalnum() or _ODD_END.search(tail) is None):
        return tail
    # What follows the last bracket are parameters, unless a quoted one holds a bracket.
    end = text.rfind(">") + 1
    if not end:
        end = text.find(";")
        if end < 0:
            end = len(text)
    section = text[end:]
    if not section:
        return "" if "<" not in text or text[-1] == ">" else None
    if section[0] != ";" or _UNSAFE.search(section) is not None:
        return None
    start = section.find(";tag=")
    # Of two tags the first counts, in whatever case its name is.
    if start < 0 or ";T" in section[:start] or ";t" in section[:start]:
        return None
    return section[start + 5 :].partition(";")[0]
