"""The layers of the package: who may import whom, and what pure ones never import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).resolve().parent.parent / "sipuac"

GROUND = frozenset({"errors", "machine", "effects", "on_demand", "values"})
BELOW_UA = GROUND | {
    "syntax",
    "sdp",
    "transaction",
    "dialog",
    "registration",
    "transport",
    "resolver",
    "media",
}

# A change here is a design decision: explain it where it is made.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "_version": frozenset(),
    "errors": frozenset(),
    "machine": frozenset(),
    "on_demand": frozenset(),
    "values": frozenset(),
    "syntax": frozenset({"errors", "values"}),
    "effects": frozenset({"errors", "syntax", "values"}),
    "sdp": frozenset({"errors", "machine", "values"}),
    "transaction": GROUND | {"syntax"},
    "dialog": GROUND | {"syntax", "sdp"},
    # A sibling of `dialog`: a registration makes no dialog (RFC 3261 section 10.2).
    "registration": GROUND | {"syntax"},
    "transport": frozenset({"errors", "syntax"}),
    "resolver": frozenset({"errors", "syntax", "values"}),
    "media": frozenset({"errors", "sdp"}),
    "ua": BELOW_UA | {"_version"},
    "service": frozenset({"_version", "errors", "syntax", "ua", "media"}),
    "testing": BELOW_UA | {"_version", "ua"},
    "cli": BELOW_UA | {"_version", "ua", "service", "testing", ""},
    # The package itself lists the public names of all layers and contains nothing else.
    "": BELOW_UA | {"_version", "ua", "service"},
}

# Only inside a function: `--demo` brings its peers, everybody else does without them.
MAY_IMPORT_LAZILY: dict[str, frozenset[str]] = {"service": frozenset({"testing"})}

# Only for annotations: a failure carries the response that says so.
MAY_NAME_FOR_TYPES: dict[str, frozenset[str]] = {"errors": frozenset({"syntax"})}

PURE = GROUND | {"_version", "syntax", "sdp", "transaction", "dialog", "registration"}
IMPURE_MODULES = frozenset(
    {
        "asyncio",
        "logging",
        "random",
        "secrets",
        "select",
        "selectors",
        "socket",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "twisted",
        "zope",
    }
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and where.

    Attributes:
        module: Full dotted name.
        line: Where it stands in the file.
        is_lazy: Whether it is inside a function.
        is_for_types: Whether it is under `if TYPE_CHECKING`.
    """

    module: str
    line: int
    is_lazy: bool
    is_for_types: bool


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def imports_of(
    node: ast.AST, package: str, is_lazy: bool = False, is_for_types: bool = False
) -> Iterator[Import]:
    """All imports below a node of the syntax tree; `package` resolves relative ones."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, is_lazy, is_for_types)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parts = package.split(".")
                parents = parts[: len(parts) - child.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in child.names:
                # `from sipuac import ua` and `from twisted.internet import reactor`
                # may name a module as well as a thing in one.
                yield Import(
                    f"{base}.{alias.name}", child.lineno, is_lazy, is_for_types
                )
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for statement in child.body:
                block = ast.Module([statement], [])
                yield from imports_of(block, package, is_lazy, True)
            for statement in child.orelse:
                block = ast.Module([statement], [])
                yield from imports_of(block, package, is_lazy, is_for_types)
        else:
            is_function = isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            )
            yield from imports_of(child, package, is_lazy or is_function, is_for_types)


def layer_of(module: str) -> str:
    """The layer a module of ours is in; "" for the package itself and what it lists."""
    parts = module.split(".")
    if len(parts) > 1 and _is_layer(parts[1]):
        return parts[1]
    return ""


def _is_layer(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What one module imports and must not, each as a line of words."""
    package = module if is_package else module.rpartition(".")[0]
    layer = layer_of(module)
    found = []
    for item in imports_of(ast.parse(source), package):
        complaint = _complaint(layer, item)
        if complaint:
            found.append(f"{module}:{item.line} imports {item.module}: {complaint}")
    return found


def _complaint(layer: str, item: Import) -> str | None:
    root = item.module.split(".")[0]
    if item.module == "twisted.internet.reactor" and not item.is_lazy:
        return "the global reactor is never imported at module level"
    if root == "sipuac":
        target = layer_of(item.module)
        allowed = MAY_IMPORT[layer] | ({layer} if layer else frozenset())
        if item.is_lazy:
            allowed |= MAY_IMPORT_LAZILY.get(layer, frozenset())
        if item.is_for_types:
            allowed |= MAY_NAME_FOR_TYPES.get(layer, frozenset())
        if target not in allowed:
            return f"layer {layer or 'sipuac'!r} may not import {target or 'sipuac'!r}"
    elif layer in PURE and root in IMPURE_MODULES:
        return f"layer {layer!r} is pure"
    elif root == "tests":
        return "the package does not know its tests"
    return None


def modules() -> Iterator[tuple[str, Path]]:
    """All modules of the package, with their files."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        yield ".".join(parts), path


class LayeringTests(SynchronousTestCase):
    """The table above holds in every module."""

    def test_every_module_has_a_layer_in_the_table(self) -> None:
        """A new file or folder of the package must be given its place in the table."""
        unknown = {layer_of(module) for module, _ in modules()} - MAY_IMPORT.keys()
        self.assertEqual(unknown, set())

    def test_imports_follow_the_table(self) -> None:
        """No module imports from above, from a sibling, or what its layer must not."""
        found = [
            line
            for module, path in modules()
            for line in violations(
                module, path.read_text("utf-8"), path.name == "__init__.py"
            )
        ]
        self.assertEqual(found, [], "\n".join(found))

    def test_package_lists_names_and_contains_nothing_else(self) -> None:
        """`sipuac/__init__.py` has a docstring, imports, `__all__` and no more."""
        tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
        for statement in tree.body[1:]:
            is_listing = isinstance(statement, ast.Import | ast.ImportFrom) or (
                isinstance(statement, ast.Assign)
                and [ast.unparse(target) for target in statement.targets] == ["__all__"]
            )
            self.assertTrue(is_listing, ast.unparse(statement))

    def test_plugin_file_imports_nothing_of_ours(self) -> None:
        """Every run of twistd of any project reads the plugin file: it stays empty."""
        path = PACKAGE.parent / "twisted" / "plugins" / "sipuac_plugin.py"
        names = [item.module for item in imports_of(ast.parse(path.read_text()), "")]
        self.assertEqual(names, ["twisted.application.service.ServiceMaker"])

    def test_twisted_folders_are_no_packages(self) -> None:
        """An `__init__.py` in `twisted/` of a checkout would hide the real Twisted."""
        for folder in ("twisted", "twisted/plugins"):
            self.assertFalse((PACKAGE.parent / folder / "__init__.py").exists())


class RuleTests(SynchronousTestCase):
    """The check itself sees what it is there to see."""

    def assertRefused(self, module: str, source: str) -> None:
        """The source, as that module, breaks the rules in one place."""
        self.assertEqual(len(violations(module, source)), 1, source)

    def assertAllowed(self, module: str, source: str) -> None:
        """The source, as that module, breaks no rule."""
        self.assertEqual(violations(module, source), [])

    def test_import_from_above_is_seen(self) -> None:
        """Whatever its spelling, an import of a layer above is refused."""
        self.assertRefused("sipuac.syntax.uri", "import sipuac.ua.endpoint")
        self.assertRefused("sipuac.syntax.uri", "from sipuac.ua import endpoint")
        self.assertRefused("sipuac.syntax.uri", "from sipuac import ua")
        self.assertRefused("sipuac.syntax.uri", "from ..ua import endpoint")
        self.assertRefused("sipuac.syntax.uri", "from sipuac import SipUri")

    def test_import_of_a_sibling_is_seen(self) -> None:
        """Siblings do not know each other."""
        self.assertRefused("sipuac.sdp.description", "from sipuac.syntax import uri")
        self.assertRefused(
            "sipuac.media.static", "from sipuac.syntax.uri import SipUri"
        )
        self.assertRefused("sipuac.transaction.layer", "import sipuac.dialog.dialog")

    def test_import_from_the_own_layer_is_fine(self) -> None:
        """Modules of one layer know each other, and those below."""
        self.assertAllowed("sipuac.syntax.message", "from sipuac.syntax.uri import Uri")
        self.assertAllowed(
            "sipuac.syntax.message", "from sipuac.errors import SipError"
        )
        self.assertAllowed("sipuac.ua.inviter", "import sipuac.dialog.dialog_set")

    def test_import_in_a_function_counts(self) -> None:
        """Hiding an import in a function does not make it lawful."""
        source = "def f():\n    from sipuac.ua import endpoint\n"
        self.assertRefused("sipuac.syntax.uri", source)

    def test_service_may_have_the_peers_lazily(self) -> None:
        """The service may import the peers of `--demo` inside a function only."""
        line = "from sipuac.testing import phone\n"
        self.assertRefused("sipuac.service.tap", line)
        self.assertAllowed("sipuac.service.tap", f"def demo():\n    {line}")

    def test_errors_may_name_the_response_for_types_only(self) -> None:
        """`errors` names `Response` under TYPE_CHECKING; no other layer may do so."""
        line = "from sipuac.syntax.message import Response\n"
        block = f"if TYPE_CHECKING:\n    {line}"
        self.assertRefused("sipuac.errors", line)
        self.assertAllowed("sipuac.errors", block)
        self.assertRefused("sipuac.machine", block)
        self.assertRefused("sipuac.errors", f"{block}else:\n    {line}")

    def test_pure_layers_import_no_world(self) -> None:
        """Pure layers import no Twisted, sockets, clocks, randomness or logging."""
        for name in sorted(IMPURE_MODULES):
            self.assertRefused("sipuac.dialog.dialog", f"import {name}")
            self.assertRefused("sipuac.dialog.dialog", f"from {name} import thing")
        self.assertAllowed("sipuac.ua.endpoint", "import time")

    def test_reactor_at_module_level_is_seen(self) -> None:
        """The global reactor may be imported inside a function only."""
        line = "from twisted.internet import reactor\n"
        self.assertRefused("sipuac.service.tap", line)
        self.assertAllowed("sipuac.service.tap", f"def f():\n    {line}")


class CoverageTests(SynchronousTestCase):
    """What the coverage that continuous integration reports is measured of."""

    def test_the_pure_layers(self) -> None:
        """All pure layers, and nothing else."""
        config = ConfigParser()
        config.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
        measured = config["coverage:run"]["source"].split()
        self.assertEqual(
            measured, sorted(f"sipuac.{layer}" for layer in PURE - {"_version"})
        )


class ReactorTests(SynchronousTestCase):
    """Importing the package installs no reactor."""

    def reactor_after(self, statement: str) -> str:
        """What a fresh interpreter says of the reactor after this statement."""
        program = (
            f"{statement}\n"
            "import sys\n"
            "is_installed = 'twisted.internet.reactor' in sys.modules\n"
            "print('installed' if is_installed else 'none')\n"
        )
        finished = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PACKAGE.parent,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return finished.stdout.strip()

    def test_import_installs_no_reactor(self) -> None:
        """`import sipuac` leaves the choice of the reactor to the application."""
        self.assertEqual(self.reactor_after("import sipuac"), "none")

    def test_no_module_installs_a_reactor(self) -> None:
        """Nor does any module of it, the command line and the plugin included."""
        names = ", ".join(module for module, _ in modules())
        self.assertEqual(self.reactor_after(f"import {names}"), "none")

    def test_the_check_sees_a_reactor(self) -> None:
        """The check tells when a reactor is installed."""
        seen = self.reactor_after("import twisted.internet.reactor")
        self.assertEqual(seen, "installed")
