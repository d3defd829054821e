"""Guards: what a module may import, by the floor it stands on."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.architecture import tree

BASE = {"argon2", "cryptography", "itsdangerous", "pyotp"}
FRAMEWORKS = {"flask", "werkzeug", "starlette", "fastapi", "django"}
STORES = {"sqlalchemy", "psycopg", "redis"}

LOWEST = ("ports", "records", "_faces", "errors", "_bytes", "_urls", "logs")
"""Floor 0: the standard library only."""

EXTRAS_OF = {
    "cli": {"click"},
    "mail": {"email_validator"},
    "passkeys": {"webauthn"},
    "passwords": {"bcrypt", "zxcvbn_rs_py"},
    "sessions": {"ua_parser"},
    "totp": {"segno"},
}
"""The optional packages that a piece below floor 3 may import, inside the function that needs them."""


def test_no_lower_floor_imports_a_higher_one() -> None:
    """The contracts of import-linter in pyproject.toml are kept."""
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tree.ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]


def test_floor_zero_knows_the_standard_library_only() -> None:
    """Faces, ports, records and errors import no third-party package."""
    found = [
        f"{tree.place(file, line)} imports {top}"
        for name, file in tree.sources().items()
        if name.partition(".")[2].partition(".")[0] in LOWEST
        for top, line in tree.third_party(file)
    ]
    assert not found, "\n".join(found)


def test_no_piece_and_no_journey_knows_a_framework_or_a_store() -> None:
    """Floors 0 to 2 import no framework, no database and no cache, not even inside a function."""
    pieces = tree.below("stores")
    found = []
    for name, file in tree.sources().items():
        child = name.partition(".")[2].partition(".")[0]
        if child in pieces:
            allowed = (BASE | EXTRAS_OF.get(child, set())) - FRAMEWORKS - STORES
            found += [
                f"{tree.place(file, line)} imports {top}"
                for top, line in tree.third_party(file)
                if top not in allowed
            ]
    assert not found, "\n".join(found)


def test_no_module_imports_names_from_the_package_root() -> None:
    """Inside the package a name comes from where it is defined, so the lazy root is never in a circle."""
    children = {name.partition(".")[2] for name in tree.sources()}
    found = []
    for file in tree.sources().values():
        for node in ast.walk(tree.parsed(file)):
            if isinstance(node, ast.ImportFrom) and node.module == tree.PACKAGE:
                found += [
                    f"{tree.place(file, node.lineno)} imports {alias.name}"
                    for alias in node.names
                    if alias.name not in children
                ]
    assert not found, "\n".join(found)


def test_every_child_of_the_package_stands_on_a_floor() -> None:
    """A new module or folder is given its floor in pyproject.toml on the day it appears."""
    placed = {child for floor in tree.floors() for child in floor}
    children = {name.split(".")[1] for name in tree.sources() if "." in name}
    assert not children - placed
