"""The page about letters says what the letters are."""

from __future__ import annotations

import re
from pathlib import Path

from secureacct.mail import lint
from secureacct.mail.letters import ENGLISH

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "mail.md").read_text(encoding="utf-8")


def test_every_letter_is_on_the_page_with_its_links_and_facts() -> None:
    """The table lists the same kinds, links and facts as the code, both ways."""
    table = {}
    for kinds, links, facts in re.findall(
        r"^\| (`[a-z_`, ]+`) \| ([a-z_, ]*) ?\| ([a-z_, ]*) ?\|$", PAGE, re.MULTILINE
    ):
        for kind in re.findall(r"`([a-z_]+)`", kinds):
            table[kind] = (set(re.findall(r"[a-z_]+", links)), set(re.findall(r"[a-z_]+", facts)))
    code = {}
    for kind, letter in ENGLISH.items():
        words = " ".join((letter.subject, *letter.before, *letter.after))
        code[kind] = (set(letter.links), set(re.findall(r"\{([a-z_]+)\}", words)) - {"site"})
    assert table == code


def test_every_problem_is_on_the_page() -> None:
    """The linter's own list and the page's name the same problems."""
    told = set(re.findall(r"^    ([a-z_]+) {2,}", lint.__doc__ or "", re.MULTILINE))
    assert len(told) == 11
    assert all(f"`{problem}`" in PAGE for problem in told)
