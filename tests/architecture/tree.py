"""What the guards look at: the modules of the package, their source, and the floors they stand on."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "secureacct"
NOT_IMPORTED = {"secureacct.__main__"}  # importing it runs the command line


@functools.cache
def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name, without importing it."""
    found = {}
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@functools.cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@functools.cache
def modules() -> dict[str, ModuleType]:
    """Every module of the package that can be imported with every extra installed."""
    return {name: importlib.import_module(name) for name in sources() if name not in NOT_IMPORTED}


def classes() -> Iterator[type[Any]]:
    """Every class that the package defines, once."""
    for name, module in modules().items():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == name:
                yield value


def full_name(value: Any) -> str:
    """``secureacct.module.Class``."""
    return f"{value.__module__}.{value.__qualname__}"


@functools.cache
def floors() -> tuple[tuple[str, ...], ...]:
    """The children of the package by floor, lowest first, as pyproject.toml declares them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "floors")["layers"]
    return tuple(tuple(re.findall(r"\w+", layer)) for layer in reversed(layers))


def below(child: str) -> set[str]:
    """The children on the floors under the one of ``child``."""
    reached: set[str] = set()
    for floor in floors():
        if child in floor:
            return reached
        reached.update(floor)
    raise LookupError(f"{child} stands on no floor")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every absolute import in a file, also those inside functions: (dotted name, line)."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module, node.lineno


def third_party(file: Path) -> Iterator[tuple[str, int]]:
    """The imports of a file that are neither the standard library's nor ours: (top-level name, line)."""
    for name, line in imports(file):
        top = name.partition(".")[0]
        if top != PACKAGE and top not in sys.stdlib_module_names:
            yield top, line


def place(file: Path, line: int) -> str:
    """``secureacct/x.py:12``, which editors open."""
    return f"{file.relative_to(ROOT)}:{line}"


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository: git's list, or in a copy without git, what stands in its folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")
        return tuple(file for name in names if name and (file := ROOT / name).is_file())
    folders = (PACKAGE, "tests", "examples", "docs")
    return tuple(file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())
