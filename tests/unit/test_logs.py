"""Log lines: one line each, no secret, nothing that acts on a terminal."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct import logs

CANARY = "correct horse battery staple"
CORPUS = [
    "a\r\nadmin signed in", "a\nb", "a\rb", "\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x9b31m",
    "\u202eevil\u202c",
    "\u2066x\u2069", "a\u2028b\u2029c", "\x85", "\x00", "\ud800", "\u200b", "\ufeff", "\x7f", "${jndi:ldap://x}",
]  # fmt: skip


Lines = Callable[..., str]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """Write an event and get its line."""

    def write(**fields: Any) -> str:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "secureacct"):
            logs.event(logs.logger("test"), "test.event", **fields)
        return caplog.records[0].getMessage()

    return write


@pytest.mark.parametrize("text", CORPUS)
def test_what_a_stranger_sends_stays_on_its_line(lines: Lines, text: str) -> None:
    """Line breaks, terminal sequences and bidi marks arrive as escapes."""
    line = lines(device=text)
    assert line.isprintable()
    assert line.startswith("test.event device=")
    assert text not in line or text.isprintable()


@given(st.text())
def test_escaping_keeps_texts_apart_and_printable(text: str) -> None:
    """Every escaped text is printable, and tells which text it was."""
    escaped = logs.escape(text, most=None)
    assert escaped == "" or escaped.isprintable()
    assert not any("\ud800" <= character <= "\udfff" for character in escaped)
    if "\\" not in text and text.isprintable():
        assert escaped == text
    assert (logs.escape(text + "\n", most=None) == escaped) is False


def test_long_values_are_cut_and_say_so(lines: Lines) -> None:
    """Nobody fills a disk with one field."""
    assert len(lines(device="x" * 100_000)) < 300
    assert lines(device="x" * 100_000).endswith("…")


@pytest.mark.parametrize(
    "value", [logs.Hidden(CANARY), CANARY.encode(), [CANARY], {"a": CANARY}, ValueError(CANARY), (CANARY,)]
)
def test_only_harmless_types_are_shown(lines: Lines, value: object) -> None:
    """Bytes, containers, exceptions and what was typed by a person appear as their type."""
    assert CANARY not in lines(value=value)


@pytest.mark.parametrize("name", sorted(logs.HIDDEN_NAMES))
def test_a_field_named_like_a_secret_is_hidden(lines: Lines, name: str) -> None:
    """A password passed under its own name does not arrive."""
    assert CANARY not in lines(**{name: CANARY})


def test_a_hidden_value_hides_in_every_form() -> None:
    """Neither str, repr, format nor pickle shows it; reveal does."""
    hidden = logs.Hidden(CANARY)
    assert CANARY not in f"{hidden} {hidden!r} {hidden!s} {hidden:>50}" + str([hidden])
    assert hidden.reveal() == CANARY
    with pytest.raises(TypeError):
        __import__("pickle").dumps(hidden)


def test_values_with_spaces_and_quotes_cannot_forge_a_field(lines: Lines) -> None:
    """A value cannot end and begin another field."""
    assert lines(device='x" outcome=ok y') == 'test.event device="x\\" outcome=ok y"'


def record(message: str, **extra: object) -> logging.LogRecord:
    """A record as any library may write it."""
    made = logging.LogRecord("other", logging.WARNING, "f.py", 1, message, None, None)
    made.__dict__.update(extra)
    made.created, made.msecs = 1_790_000_000.25, 250.0
    return made


@pytest.mark.parametrize("text", CORPUS)
def test_the_formatters_tame_foreign_records_too(text: str) -> None:
    """A record of another library, and a traceback, become one printable line."""
    foreign = record(text)
    try:
        raise ValueError(text)
    except ValueError as error:
        foreign.exc_info = (ValueError, error, error.__traceback__)
    for formatter in (logs.TextFormatter(), logs.JsonFormatter()):
        assert formatter.format(foreign).isprintable()


def test_the_json_of_an_event() -> None:
    """Time in UTC, level, logger, event and typed fields, as one object."""
    line = json.loads(logs.JsonFormatter().format(record("x", event="a.b", fields={"n": 1})))
    assert line == {
        "at": "2026-09-21T14:13:20.250Z",
        "level": "warning",
        "logger": "other",
        "event": "a.b",
        "fields": {"n": 1},
    }


def test_an_event_can_be_told_at_most_once_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """Within the time given a name is written once; other names are not held up."""
    log = logs.logger("test")
    with caplog.at_level(logging.INFO, "secureacct"):
        told = [logs.event_at_most(log, "once.a", every_s=60, now=float(now)) for now in (0, 1, 59, 60, 61)]
        assert logs.event_at_most(log, "once.b", every_s=60, now=61.0)
    assert told == [True, False, False, True, False]


def test_the_library_writes_nothing_by_itself() -> None:
    """Without a handler of the app nothing reaches the terminal."""
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("secureacct").handlers)


def test_every_event_in_the_code_stands_on_the_page() -> None:
    """The list of what is logged is complete (ASVS 5 V16.1.1)."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "reference" / "logs.md").read_text()
    names: set[str] = set()
    for file in (root / "secureacct").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("logs.event", "logs.event_at_most"):
                named = node.args[1]
                names |= {str(named.value) if isinstance(named, ast.Constant) else ast.unparse(named)}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
