"""The pages about settings and the first steps say what the code says."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from secureacct.assembly import POLICIES, Choices
from secureacct.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "programs"
REFERENCE = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")


def blocks(page: str) -> list[str]:
    """The Python of a page."""
    text = (ROOT / page).read_text("utf-8")
    return [textwrap.dedent(one) for one in re.findall(r"```python[^\n]*\n(.*?)```", text, re.S)]


def test_the_reference_names_every_setting_with_its_default() -> None:
    """Each field of Settings has its row, in order, with the default that the code has; no other has one."""
    rows = re.findall(r"^\| `([A-Z]+(?:_[A-Z]+)*)` \| ([^|]*) \|", REFERENCE, re.M)
    said = {name: default.strip().strip("`") for name, default in rows}
    real = {}
    for one in fields(Settings):
        default = "required" if one.default is MISSING else one.default
        real[one.name.upper()] = "on" if default is True else str(default)
    assert said == real
    assert list(said) == list(real)
    assert len(said) <= 40


def test_the_reference_names_every_choice() -> None:
    """Each keyword of SecureAcct is in the table."""
    named = set(re.findall(r"`([a-z_0-9]+)`", REFERENCE[REFERENCE.index("| keyword |") :]))
    assert {one.name for one in fields(Choices)} <= named


def test_the_default_policy_is_one_of_them() -> None:
    """The set that is meant when nothing is said exists."""
    assert next(one.default for one in fields(Settings) if one.name == "policy") in POLICIES


@pytest.mark.parametrize(
    ("page", "program"),
    [
        ("docs/start/whole-account.md", "whole_account.py"),
        ("docs/start/pieces.md", "pieces.py"),
    ],
)
def test_the_programs_of_the_pages_are_the_tested_ones(page: str, program: str) -> None:
    """What people copy is, letter by letter, what the tests run."""
    assert (PROGRAMS / program).read_text("utf-8").rstrip() + "\n" in blocks(page)


def test_the_readme_shows_the_tested_app() -> None:
    """The app of the README is the tested one without its docstring."""
    code = (PROGRAMS / "whole_account.py").read_text("utf-8").split('"""\n', 1)[-1].strip()
    assert any(code == block.strip() for block in blocks("README.md"))


@pytest.mark.parametrize(
    "page", ["README.md", "docs/howto/flask.md", "docs/start/pieces.md", "docs/start/whole-account.md"]
)
def test_every_example_is_python(page: str) -> None:
    """No example has a slip of the pen."""
    for block in blocks(page):
        ast.parse(f"f({block})" if block.strip().endswith(",") else block)


@pytest.mark.parametrize("page", ["docs/howto/flask.md", "README.md"])
def test_what_examples_import_exists(page: str) -> None:
    """Every name that an example imports from us is there."""
    import importlib

    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("secureacct"):
                module = importlib.import_module(node.module or "")
                for one in node.names:
                    assert hasattr(module, one.name), f"{node.module}.{one.name}"
