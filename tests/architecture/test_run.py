"""Guards: the commands answer with the exit codes they promise, and a missing part is said in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.architecture import tree

NEEDS_A_BROWSER = '''
def test_looks(chromium):
    """A page can be looked at."""

def test_thinks():
    """Something else holds."""
'''


def asked(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command of the repository answers."""
    return subprocess.run(
        command, cwd=tree.ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def without_a_browser(tmp_path: Path) -> list[str]:
    """A pytest command with our conftest, over one test that needs a browser and one that doesn't."""
    file = tmp_path / "test_two.py"
    file.write_text(NEEDS_A_BROWSER)
    config = str(tree.ROOT / "pyproject.toml")
    ours = [
        "-c",
        config,
        "-p",
        "tests.conftest",
        "-o",
        f"cache_dir={tmp_path}/cache",
        f"--basetemp={tmp_path}/base",
    ]
    return [sys.executable, "-m", "pytest", *ours, str(file)]


def test_scripts_are_what_their_first_line_says() -> None:
    """``run`` is plain sh and the script of CI is bash; both parse, and both may be executed."""
    for shell, script in (("sh", "run"), ("bash", ".ci/run")):
        assert asked(shell, "-n", script).returncode == 0
        assert os.access(tree.ROOT / script, os.X_OK)


def test_an_unknown_command_cannot_start() -> None:
    """A wrong command exits with 2 and lists the right ones; asking for help exits with 0."""
    wrong = asked("./run", "frobnicate")
    assert wrong.returncode == 2
    assert "no such command: frobnicate" in wrong.stderr
    assert "usage: ./run" in wrong.stderr
    assert asked("./run").returncode == 2
    helped = asked("./run", "help")
    assert helped.returncode == 0
    assert "usage: ./run" in helped.stdout


def test_every_make_target_is_a_command() -> None:
    """``make x`` is ``./run x`` for every command but help."""
    told = asked("./run", "help").stdout
    targets = (tree.ROOT / "Makefile").read_text().partition(".PHONY: ")[2].splitlines()[0].split()
    assert sorted(targets) == sorted(
        line.split()[0] for line in told.splitlines() if line[:2] == "  " and line[2] != " "
    )


def test_a_missing_part_is_said_and_skipped(without_a_browser: list[str]) -> None:
    """Without a browser its tests are skipped, and the last line says why and what brings one."""
    ended = asked(*without_a_browser, SECUREACCT_CHROMIUM="/nowhere")
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-1] == f"passed 1, skipped 1 ({servers.PARTS['browser'].missing})"


@pytest.mark.parametrize("required", ["browser", "all", "pg,browser"])
def test_a_required_part_that_is_missing_fails(without_a_browser: list[str], required: str) -> None:
    """``--require`` turns that skip into a failure that names the part."""
    ended = asked(*without_a_browser, f"--require={required}", SECUREACCT_CHROMIUM="/nowhere")
    assert ended.returncode == 1
    assert f"required, and missing: {servers.PARTS['browser'].missing}" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "passed 1, failed 1"


def test_an_unknown_part_cannot_be_required(without_a_browser: list[str]) -> None:
    """A misspelt part is refused: it would otherwise require nothing."""
    ended = asked(*without_a_browser, "--require=browsers")
    assert ended.returncode == 4
    assert "--require=browsers: no such part" in ended.stderr
