"""The shop of every journey."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.kit import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop on SQLite, with a clock that tests move and mails that tests read."""
    return Shop(tmp_path)
