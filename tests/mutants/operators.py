"""The mutants of a module: each way in which one place of it can be wrong.

The operators are those of the usual tools for Python, and a few for code whose rules
are tables and lists of effects: a row, an effect, a keyword or a statement is missing.
Where one mutant can live only if another one lives, only the stronger is made: a
condition becomes true and false, but is not negated as well.

Left alone is what is not behaviour: annotations and type aliases, docstrings, imports,
decorators, `TYPE_CHECKING` blocks, `assert`, `assert_never`, `__slots__`, the values of
enumerations, texts for people (strings with a space, all strings in a `raise`, what is
printed of a value), and the reasons why a table has no row (`ignored`).
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_BOUNDARIES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place of a module.

    Attributes:
        name: Tells it from all others of the module.
        line: Where it is.
        text: The outermost function or statement that it is in: as long as that is the
            same, so is the mutant.
        lines: Those of which a test must execute one to notice it.
        function: The outermost function around it, as its qualified name and the first
            line of its code; None at the level of the module.
        apply: Changes the tree that it was made from.
    """

    name: str
    line: int
    text: str
    lines: frozenset[int]
    function: tuple[str, int] | None
    apply: Callable[[], None]


def mutants(tree: ast.Module) -> list[Mutant]:
    """All mutants of a module, in the order of its text.

    Args:
        tree: The module; a mutant is applied to it, and at most one.
    """
    return list(_Walk(tree).mutants())


def _put(
    owner: ast.AST, field: str, index: int | None, new: ast.AST | list[ast.stmt]
) -> None:
    """Put a node, or statements, in the place of others."""
    if index is None:
        setattr(owner, field, new)
    else:
        getattr(owner, field)[index] = new


def _drop(owner: ast.AST, fields: tuple[str, ...], index: int) -> None:
    """Leave an element out."""
    for field in fields:
        del getattr(owner, field)[index]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node hangs in the tree, and what that means for it."""

    parent: ast.AST
    field: str
    index: int | None
    statement: ast.stmt
    text: str
    function: tuple[str, int] | None = None
    scope: str = ""
    is_condition: bool = False
    is_in_raise: bool = False
    is_in_enum: bool = False


class _Walk:
    """Goes through a tree once and collects mutants."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._names: Counter[str] = Counter()

    def mutants(self) -> Iterator[Mutant]:
        for index, statement in enumerate(self._tree.body):
            text = _whole(statement)
            place = _Place(self._tree, "body", index, statement, text)
            yield from self._visit(statement, place)

    def _visit(self, node: ast.AST, place: _Place) -> Iterator[Mutant]:
        if _is_left_alone(node, place):
            return
        for operator, change, apply in _mutations(node, place):
            yield self._mutant(node, place, f"{operator}: {change}", apply)
        for field, value in ast.iter_fields(node):
            if field in _FIELDS_LEFT_ALONE:
                continue
            for index, child in enumerate(
                value if isinstance(value, list) else [value]
            ):
                if isinstance(child, ast.AST):
                    number = index if isinstance(value, list) else None
                    yield from self._visit(
                        child, _below(node, place, field, number, child)
                    )

    def _mutant(
        self, node: ast.AST, place: _Place, change: str, apply: Callable[[], None]
    ) -> Mutant:
        statement = place.statement
        first = getattr(node, "lineno", statement.lineno)
        last = getattr(node, "end_lineno", None) or first
        lines = frozenset({statement.lineno, *range(first, last + 1)})
        scope = f"{place.scope}: {change}"
        self._names[scope] += 1
        times = self._names[scope]
        name = scope if times == 1 else f"{scope} ({times})"
        return Mutant(name, first, place.text, lines, place.function, apply)


_FIELDS_LEFT_ALONE = frozenset(
    {"annotation", "returns", "decorator_list", "bases", "type_comment", "ctx", "op"}
    | {"type_params", "msg"}
)


def _below(
    node: ast.AST, place: _Place, field: str, index: int | None, child: ast.AST
) -> _Place:
    """The place of a child of a node."""
    function, scope = place.function, place.scope
    is_enum = place.is_in_enum and not isinstance(node, ast.FunctionDef)
    if isinstance(node, ast.ClassDef | ast.FunctionDef) and field == "body":
        scope = f"{scope}.{node.name}" if scope else node.name
    if isinstance(node, ast.FunctionDef) and field == "body" and function is None:
        decorated = node.decorator_list
        function = (scope, decorated[0].lineno if decorated else node.lineno)
    if isinstance(node, ast.ClassDef):
        is_enum = any("Enum" in ast.unparse(base) for base in node.bases)
    is_condition = (
        field in {"test", "ifs", "guard"}
        or isinstance(node, ast.BoolOp)
        or (isinstance(node, ast.UnaryOp) and place.is_condition)
    )
    return _Place(
        node,
        field,
        index,
        child if isinstance(child, ast.stmt) else place.statement,
        _whole(child) if isinstance(node, ast.ClassDef) else place.text,
        function,
        scope,
        is_condition,
        place.is_in_raise or isinstance(node, ast.Raise),
        is_enum,
    )


def _whole(node: ast.AST) -> str:
    """The text of a statement; of a class each statement has its own."""
    return "" if isinstance(node, ast.ClassDef) else ast.unparse(node)


def _is_left_alone(node: ast.AST, place: _Place) -> bool:
    """Whether this is no behaviour; see the module."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name("assert_never" | "cast" | "TypeVar" | "NewType")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name("assert_never"))):
            return True
        case ast.Assign(targets=[ast.Name("__slots__" | "__all__")]):
            return True
        case ast.Assign(value=ast.Subscript() | ast.BinOp(op=ast.BitOr())):
            return place.function is None  # an alias of a type
        case ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case ast.AnnAssign(target=ast.Name("ignored")):
            return True  # why a table has no row: nobody but its tests reads it
        case ast.keyword(arg="repr"):
            return True
        case ast.JoinedStr():
            return place.is_in_raise
        case _:
            return False


_Mutation = tuple[str, str, Callable[[], None]]


def _mutations(node: ast.AST, place: _Place) -> Iterator[_Mutation]:
    """What each operator makes of one node: its name, the change, and how to do it."""
    put = partial(_put, place.parent, place.field, place.index)

    def becomes(operator: str, new: ast.AST) -> _Mutation:
        return operator, f"{_text(node)} -> {_text(new)}", partial(put, new)

    def without(what: ast.AST, index: int, *fields: str) -> _Mutation:
        return "drop", _text(what), partial(_drop, node, fields, index)

    if place.is_condition and place.field in {"test", "ifs", "guard"}:
        if not isinstance(place.parent, ast.While):
            yield becomes("condition", ast.Constant(True))
        yield becomes("condition", ast.Constant(False))
    if _is_deletable(node):
        yield "delete", _text(node), partial(put, ast.Pass())
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_empty(value):
            yield becomes("return", ast.Return(ast.Constant(None)))
        case ast.For(iter=iterable):
            nothing = ast.Tuple([], ast.Load())
            change = f"for ... in {_text(iterable)} -> ()"
            yield "loop", change, partial(_put, node, "iter", None, nothing)
        case ast.Break():
            yield becomes("loop", ast.Continue())
        case ast.Continue():
            yield becomes("loop", ast.Break())
        case ast.ExceptHandler(type=caught):
            change = f"except {_text(caught) if caught else ''}: raise"
            yield "handler", change, partial(_put, node, "body", None, [ast.Raise()])
        case ast.Match(cases=cases) if len(cases) > 1:
            for index, case in enumerate(cases):
                yield without(case.pattern, index, "cases")
        case ast.MatchOr(patterns=patterns):
            for index, pattern in enumerate(patterns):
                yield without(pattern, index, "patterns")
        case ast.BoolOp(values=values):
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                yield becomes("operand", new)
        case ast.UnaryOp(op=ast.Not(), operand=operand) if not place.is_condition:
            yield becomes("not", operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield becomes("arithmetic", operand)
        case ast.BinOp(op=ast.BitOr()) if _is_types(place):
            yield becomes("type", node.left)
            yield becomes("type", node.right)
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            other = copy.copy(node)
            other.op = _ARITHMETIC[type(node.op)]()
            yield becomes("arithmetic", other)
        case ast.AugAssign() if type(node.op) in _ARITHMETIC:
            changed = copy.copy(node)
            changed.op = _ARITHMETIC[type(node.op)]()
            yield becomes("arithmetic", changed)
        case ast.Compare(ops=operators):
            for index, each in enumerate(operators):
                table = _BOUNDARIES if place.is_condition else _OPPOSITES | _BOUNDARIES
                if type(each) in table:
                    compare = copy.copy(node)
                    compare.ops = list(operators)
                    compare.ops[index] = table[type(each)]()
                    yield becomes("compare", compare)
        case ast.Constant(value=value):
            new_value = _other(value, place)
            if new_value is not None:
                yield becomes("constant", ast.Constant(new_value))
        case ast.Dict(keys=keys):
            for index, key in enumerate(keys):
                if key is not None:
                    yield without(key, index, "keys", "values")
        case ast.List(elts=elements, ctx=ast.Load()) | ast.Set(elts=elements):
            for index, element in enumerate(elements):
                yield without(element, index, "elts")
        case ast.Tuple(elts=elements, ctx=ast.Load()) if _is_choice(place):
            for index, element in enumerate(elements):
                yield without(element, index, "elts")
        case ast.Call(keywords=keywords):
            for index, keyword in enumerate(keywords):
                if keyword.arg not in (None, "repr"):
                    yield without(keyword, index, "keywords")


def _text(node: ast.AST) -> str:
    """A node in one line, for people."""
    line = " ".join(ast.unparse(node).split())
    return line if len(line) <= 70 else f"{line[:67]}..."


def _is_deletable(node: ast.AST) -> bool:
    """Whether this statement can be left out and the rest still means something.

    Not the first value of a local name: what uses it fails at once.
    """
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Delete() | ast.Raise():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.AnnAssign(target=ast.Attribute(), value=ast.expr()):
            return True
    return False


def _is_empty(value: ast.expr) -> bool:
    """Whether None would be the same, or what `constant` makes of it is stronger."""
    match value:
        case ast.Constant(value=None | True | False | "" | b"" | 0):
            return True
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
    return False


def _is_types(place: _Place) -> bool:
    """Whether `A | B` there are two classes to choose from."""
    return _is_choice(place) or (
        isinstance(place.parent, ast.BinOp) and isinstance(place.parent.op, ast.BitOr)
    )


def _is_choice(place: _Place) -> bool:
    """Whether the elements of a tuple there are alternatives."""
    match place.parent:
        case ast.Compare() | ast.ExceptHandler():
            return True
        case ast.Call(func=ast.Name("isinstance" | "issubclass" | "frozenset" | "set")):
            return place.field == "args"
        case ast.Assign() | ast.AnnAssign():
            return place.function is None
    return False


def _other(value: object, place: _Place) -> bool | int | float | str | bytes | None:
    """Another value in the place of this constant; None to leave it alone."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if place.is_in_enum or place.is_in_raise:
        return None
    if isinstance(value, str) and value and " " not in value:
        return f"mutant{value}"
    if isinstance(value, bytes) and value:
        return b"mutant" + value
    return None
