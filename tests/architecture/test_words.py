"""Guards: every test says what must hold, and nothing names the place where it was written."""

from __future__ import annotations

import ast
import re

from tests.architecture import tree

PRIVATE = (
    r"(?<![\w./}])/(work|root|home)/" + r"\w",
    "farm" + "-(bench|studio)",
    "issues" + r" show \d",
    r"\b(house|contract|ecosystem|peers|performance|commitments|standards|style)" + r"\.md\b(?=.*design)",
    r"\.\./" + "shared",
    "shared/" + "(design|prototypes|standards)",
    r"\bthe " + "lead('s)?\\b(?! of| to| in)",
    r"\b(helper|coding) " + "(session|agent)s?\\b",
)
"""Places and people of one machine; a reader elsewhere can do nothing with them."""

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
GENERATED = {"uv.lock"}
TEXT = {".py", ".md", ".toml", ".html", ".txt", ".css", ".js", ".json", ".sh", ".yml", ".yaml", ""}


def test_every_test_says_what_must_hold() -> None:
    """Each test function has a docstring of at least three words."""
    found = []
    for file in sorted((tree.ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(tree.parsed(file)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith(
                "test"
            ):
                continue
            if len((ast.get_docstring(node) or "").split()) < 3:
                found.append(f"{tree.place(file, node.lineno)} {node.name}")
    assert not found, "\n".join(found)


def test_nothing_names_the_place_where_it_was_written() -> None:
    """No file holds a path of one machine or the name of a private document or tool."""
    private = re.compile("|".join(PRIVATE))
    found = []
    for file in tree.tracked():
        if file.name in GENERATED or file.suffix not in TEXT:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if seen := private.search(line):
                found.append(f"{tree.place(file, number)} {seen.group()!r}")
    assert not found, "\n".join(found)


def test_every_module_says_its_topic() -> None:
    """The first line of each module of the package is a docstring."""
    bare = [
        tree.place(file, 1)
        for file in tree.sources().values()
        if tree.parsed(file).body and not ast.get_docstring(tree.parsed(file))
    ]
    assert bare == []
