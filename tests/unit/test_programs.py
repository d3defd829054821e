"""The two programs that the documentation opens with run as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "programs"


def run(code: Path | str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as its own process in ``folder``, with warnings as errors."""
    command = [str(code)] if isinstance(code, Path) else ["-c", code]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROGRAMS), *filter(None, sys.path)])}
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_pieces_program_runs(tmp_path: Path) -> None:
    """Every piece does what the program says, and the program leaves nothing but its keyring."""
    ended = run(PROGRAMS / "pieces.py", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    left = {file.name for file in tmp_path.iterdir()}
    assert {name for name in left if not name.endswith((".lock", ".pyc"))} == {"keyring.json"}
    assert (tmp_path / "keyring.json").stat().st_mode & 0o777 == 0o600


def test_the_whole_account_program_serves(tmp_path: Path) -> None:
    """The ten-line Flask app does no I/O until its first request, then sends a stranger to sign in."""
    pytest.importorskip("flask")
    program = """
import pathlib
from whole_account import create_app

app = create_app()
assert not list(pathlib.Path().iterdir()), "init_app did I/O"
client = app.test_client()
page = client.get("/", base_url="https://localhost:8443", headers={"Accept": "text/html"})
assert page.status_code == 303, (page.status, page.get_data(as_text=True))
assert page.headers["Location"].startswith("/account/sign-in"), page.headers
form = client.get(page.headers["Location"], base_url="https://localhost:8443")
assert form.status_code == 200 and "password" in form.get_data(as_text=True)
"""
    ended = run(program, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
