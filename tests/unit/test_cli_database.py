"""Commands work on a database that is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from secureacct.keys import Keyring


@pytest.mark.parametrize(
    "command",
    [
        ["retention", "run", "--dry-run", "--database", "{}"],
        ["sessions", "--store", "{}", "stats"],
        ["audit", "--database", "{}", "--keyring", "keys.json", "tail"],
        ["fields", "status", "--models", "secureacct", "--database", "{}", "--keyring", "keys.json"],
    ],
    ids=lambda command: command[0],
)
def test_a_mistyped_file_is_not_made(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names it, the exit code is 2, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    Keyring.generate().save("keys.json")
    asked = [sys.executable, "-m", "secureacct", *(one.format("sqlite:///shpo.db") for one in command)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "there is no database at shpo.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "shpo.db").exists()
