"""Guards: a command that the documentation shows exists, with the options it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import flask
import pytest

from secureacct.cli.root import root
from secureacct.flask import SecureAcct
from tests.architecture import tree

PAGES = sorted([*tree.ROOT.glob("*.md"), *(tree.ROOT / "docs").rglob("*.md")])
# in a code span, or at the start of a line of a code block
SHOWN = re.compile(
    r"(?:`|^(?: {4,}|\t|\$ )?)((?:flask (?:--app \S+ )?)?secureacct [a-z][^`\n]*)", re.MULTILINE
)


def commands_of(page: Path) -> Iterator[str]:
    """The commands that a page shows; a line that ends in a backslash goes on."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for found in SHOWN.finditer(text):
        before = text[: found.start()]
        if text[found.start()] == "`" or before.count("```") % 2 or found[0].startswith((" ", "\t", "$")):
            yield from alternatives(found[1])


def alternatives(command: str) -> Iterator[str]:
    """``keys show|init`` is two commands; what is in brackets may be left out, and exists."""
    words = command.replace("[", "").replace("]", "").split(" ")
    choice = next(
        (place for place, word in enumerate(words) if re.fullmatch(r"[\w-]+(\|[\w-]+)+", word)), None
    )
    if choice is None:
        yield " ".join(words)
        return
    for one in words[choice].split("|"):
        yield " ".join([*words[:choice], one, *words[choice + 1 :]])


def everything() -> list[tuple[Path, str]]:
    """Every command with the page that shows it."""
    return [(page, command) for page in PAGES for command in commands_of(page)]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> click.Group:
    """The commands that an app gets."""
    folder = tmp_path_factory.mktemp("app")
    app = flask.Flask("docs")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'app.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
        SECUREACCT_BASE_URL="https://localhost:8443",
    )
    SecureAcct().init_app(app)
    group = app.cli.commands["secureacct"]
    assert isinstance(group, click.Group)
    return group


def what_is_wrong(command: str, operator: click.Group) -> str:
    """The first word of a command that does not exist, or nothing."""
    words = shlex.split(re.split(r"\s#|\s\||\s&&|…|;", command)[0])
    where: click.Command = operator if words[0] == "flask" else root
    words = words[words.index("secureacct") + 1 :]
    context = click.Context(where)
    options: set[str] = {"--help"}
    while True:
        options |= {name for one in where.params for name in (*one.opts, *one.secondary_opts)}
        while words and words[0].startswith("-"):
            name = words.pop(0).partition("=")[0]
            if name not in options:
                return name
            takes = next((one for one in where.params if name in one.opts), None)
            if words and isinstance(takes, click.Option) and not takes.is_flag and not takes.count:
                words.pop(0)
        if not isinstance(where, click.Group) or not words:
            break
        found = where.get_command(context, words[0])
        if found is None:
            return words[0]
        where = found
        words.pop(0)
    wanted = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][a-z-]*(=.*)?", word)}
    return " ".join(sorted(wanted - options))


def test_every_command_of_the_docs_exists(operator: click.Group) -> None:
    """Each command, of ours and of an app, is there with the options that a page shows."""
    shown = everything()
    wrong = [
        f"{page.relative_to(tree.ROOT)}: {command}: {word}"
        for page, command in shown
        if (word := what_is_wrong(command, operator))
    ]
    assert wrong == []
    assert len(shown) > 40


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("secureacct nothing here", "nothing"),
        ("secureacct keys rotat", "rotat"),
        ("secureacct keys rotate --kering keyring.json", "--kering"),
        ("flask --app app secureacct recovr ADDRESS", "recovr"),
        ("flask secureacct seal --later", "--later"),
    ],
)
def test_a_wrong_word_is_found(command: str, word: str, operator: click.Group) -> None:
    """A command, topic or option with a slip is named."""
    assert what_is_wrong(command, operator) == word
