"""Guards: the documentation shows code that exists.

A block that opens with three backticks and ``python run`` is run, with the other such blocks of its page, in
an empty folder. What the page takes for granted is named behind it: ``python run app``, see ``GIVEN``.
Every other Python block must parse, and what it imports from us must exist.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture import tree

PAGES = sorted([*tree.ROOT.glob("*.md"), *(tree.ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^([ ]*)```python([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"\./run ([a-z]+)")
GIVEN = {
    "app": """
from flask import Flask
from secureacct.flask import SecureAcct
app = Flask("docs")
app.config.update(
    SECUREACCT_DATABASE_URL="sqlite:///app.db",
    SECUREACCT_KEYRING="keyring.json",
    SECUREACCT_BASE_URL="https://localhost:8443",
)
""",
    "keys": "from secureacct.keys import Keyring; keys = Keyring.generate()",
    "session": """
from secureacct.sessions import Sessions
from secureacct.stores.memory import MemoryStore
sessions = Sessions(MemoryStore())
token = sessions.start("42")
session = sessions.load(token)
""",
}


@dataclass(frozen=True)
class Block:
    """One Python block of a page."""

    page: Path
    line: int
    code: str
    runs: bool
    given: tuple[str, ...]  # what stands before the page's first block

    @property
    def place(self) -> str:
        """Where it stands."""
        return tree.place(self.page, self.line)


def blocks_of(page: Path) -> list[Block]:
    """The Python blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text[: seen.start()].count("\n") + 2,
            textwrap.dedent(seen[3]),
            "run" in words,
            tuple(words[1:]),
        )
        for seen in FENCE.finditer(text)
        for words in [seen[2].split()]
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN_PAGES = sorted({block.page for block in BLOCKS if block.runs})


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_imports_what_exists(block: Block) -> None:
    """A Python block parses, and every name it imports from secureacct is there."""
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == tree.PACKAGE:
                    importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == tree.PACKAGE:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.name)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    """The blocks of a page that say they run do so, one after the other, in an empty folder."""
    blocks = [block for block in blocks_of(page) if block.runs]
    given = dict.fromkeys(name for block in blocks for name in block.given)
    code = "\n".join([*(GIVEN[name] for name in given), *(block.code for block in blocks)])
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(tree.ROOT).as_posix())
def test_a_page_links_to_what_exists(page: Path) -> None:
    """A relative link leads to a file of the repository, and ``./run x`` is a command."""
    text = page.read_text(encoding="utf-8")
    links = {link for link in LINK.findall(text) if not re.match(r"[a-z]+:|/", link)}
    assert [link for link in sorted(links) if not (page.parent / link).exists()] == []
    usage = (tree.ROOT / "run").read_text(encoding="utf-8")
    assert set(COMMAND.findall(text)) <= {*re.findall(r"^  ([a-z]+) ", usage, re.MULTILINE), "help"}


def test_the_index_leads_to_every_page() -> None:
    """Whoever opens docs/README.md finds each page to start with, to do, to look up and to understand."""
    index = tree.ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))}
    folders = ("start", "howto", "reference", "why")
    pages = [page for folder in folders for page in (index.parent / folder).glob("*.md")]
    assert [page.name for page in pages if page not in linked] == []
