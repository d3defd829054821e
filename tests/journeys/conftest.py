"""The shop of every journey."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.kit import Shop

MEMORY_DISK = Path("/dev/shm")  # where there is one, a database's syncs cost nothing


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for one shop's files."""
    if not os.access(MEMORY_DISK, os.W_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="sa-shop-", dir=MEMORY_DISK))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """A shop on SQLite, with a clock that tests move and mails that tests read."""
    made = Shop(folder)
    yield made
    made.close()
