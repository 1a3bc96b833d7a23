"""What the wheel and the sdist contain, and that Twisted finds the plugin in them.

A wheel without the plugin file installs without a word and has no `twistd sipuac`; so
the test opens what is built.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import cast

from twisted.application.service import IServiceMaker, ServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import sipuac._version

ROOT = Path(__file__).resolve().parent.parent

# A build leaves folders behind and takes up what an earlier one left: so it is done in
# a copy, of these only, as a checkout may hold whole environments.
SOURCES = (
    "LICENSE",
    "MANIFEST.in",
    "NEWS.rst",
    "README.rst",
    "benchmarks",
    "docs",
    "examples",
    "newsfragments",
    "pyproject.toml",
    "ruff.toml",
    "setup.cfg",
    "sipuac",
    "tests",
    "towncrier.toml",
    "twisted",
)


@dataclass(frozen=True, slots=True)
class Distributions:
    """What was built.

    Attributes:
        wheel: Names of the files in the wheel.
        metadata: The METADATA file of the wheel.
        sdist: Names of the files in the sdist, without the folder they are all in.
    """

    wheel: frozenset[str]
    metadata: str
    sdist: frozenset[str]


@cache
def distributions() -> Distributions:
    """Build the sdist, and the wheel from it, once for all tests, and look inside.

    Raises:
        AssertionError: The build failed; the message holds its output.
    """
    with tempfile.TemporaryDirectory(prefix="sipuac-build-") as name:
        folder = Path(name)
        _build(folder)
        with zipfile.ZipFile(next(folder.glob("dist/*.whl"))) as wheel:
            wheel_names = wheel.namelist()
            path = next(name for name in wheel_names if name.endswith("/METADATA"))
            metadata = wheel.read(path).decode("utf-8")
        with tarfile.open(next(folder.glob("dist/*.tar.gz"))) as sdist:
            sdist_names = [name.partition("/")[2] for name in sdist.getnames()]
    return Distributions(frozenset(wheel_names), metadata, frozenset(sdist_names))


def _build(folder: Path) -> None:
    tree = folder / "tree"
    tree.mkdir()
    ignore = shutil.ignore_patterns("_build", "dropin.cache")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=ignore)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, tree / name)
    arguments = [sys.executable, "-m", "build", "--outdir", str(folder / "dist")]
    # An isolated build fetches setuptools; the one that is here will do if new enough.
    if importlib.util.find_spec("setuptools") and _major("setuptools") >= 77:
        arguments.append("--no-isolation")
    finished = subprocess.run(
        [*arguments, str(tree)], capture_output=True, text=True, cwd=folder, timeout=300
    )
    if finished.returncode:
        raise AssertionError(f"{finished.stdout}\n{finished.stderr}")


def _major(distribution: str) -> int:
    return int(version(distribution).split(".")[0])


class DistributionTests(SynchronousTestCase):
    """The built wheel and sdist hold what they must, and nothing else."""

    def setUp(self) -> None:
        """Build both, or skip where that cannot be done."""
        if importlib.util.find_spec("build") is None and not os.environ.get("CI"):
            raise SkipTest("the `build` package is not installed")
        built = distributions()
        self.wheel, self.metadata, self.sdist = built.wheel, built.metadata, built.sdist

    def test_wheel_has_the_plugin_file(self) -> None:
        """The wheel brings the file by which twistd knows `sipuac`."""
        self.assertIn("twisted/plugins/sipuac_plugin.py", self.wheel)

    def test_wheel_touches_nothing_else_of_twisted(self) -> None:
        """The wheel has no `__init__.py` in Twisted's folders, nor any other file."""
        of_twisted = [name for name in self.wheel if name.startswith("twisted/")]
        self.assertEqual(of_twisted, ["twisted/plugins/sipuac_plugin.py"])

    def test_wheel_has_only_the_package(self) -> None:
        """Tests, benchmarks and documents stay out of the wheel."""
        roots = {name.split("/")[0] for name in self.wheel}
        info = f"sipuac-{sipuac._version.__version__}.dist-info"
        self.assertEqual(roots, {"sipuac", "twisted", info})
        self.assertEqual([name for name in self.wheel if name.endswith(".pyc")], [])

    def test_wheel_has_every_module(self) -> None:
        """Each module of the package is in the wheel, and the marker of typed ones."""
        paths = (path.relative_to(ROOT) for path in (ROOT / "sipuac").rglob("*.py"))
        expected = {path.as_posix() for path in paths} | {"sipuac/py.typed"}
        self.assertEqual(expected - self.wheel, set())

    def test_wheel_says_who_and_what(self) -> None:
        """The metadata name the version, the licence and the README."""
        self.assertIn(f"\nVersion: {sipuac._version.__version__}\n", self.metadata)
        self.assertIn("\nLicense-Expression: MIT\n", self.metadata)
        self.assertIn("twistd", self.metadata.partition("\n\n")[2])

    def test_sdist_can_test_itself(self) -> None:
        """The sdist holds every test with its data, so that packagers can run them."""
        files = (path for path in (ROOT / "tests").rglob("*") if path.is_file())
        names = {path.relative_to(ROOT).as_posix() for path in files}
        expected = {name for name in names if "__pycache__" not in name}
        self.assertIn("tests/__init__.py", expected)
        self.assertEqual(expected - self.sdist, set())

    def test_sdist_has_what_the_build_needs(self) -> None:
        """The sdist holds the plugin file and the build's own configuration."""
        needed = {"setup.cfg", "pyproject.toml", "LICENSE", "README.rst", "NEWS.rst"}
        needed.add("twisted/plugins/sipuac_plugin.py")
        self.assertEqual(needed - self.sdist, set())


class PluginTests(SynchronousTestCase):
    """Twisted's plugin system finds the service."""

    def service_maker(self) -> ServiceMaker:
        """The one service maker that is called sipuac."""
        makers = [
            maker for maker in getPlugins(IServiceMaker) if maker.tapname == "sipuac"
        ]
        self.assertEqual(len(makers), 1)
        self.assertIsInstance(makers[0], ServiceMaker)
        return cast(ServiceMaker, makers[0])

    def test_service_maker_is_found(self) -> None:
        """The service is among Twisted's service makers, and says where it lives."""
        self.assertEqual(self.service_maker().module, "sipuac.service.tap")

    def test_service_maker_makes_a_service(self) -> None:
        """The module that the plugin names has `Options` and `makeService`."""
        maker = self.service_maker()
        self.assertTrue(callable(maker.makeService))
        self.assertTrue(callable(maker.options))
