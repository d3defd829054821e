"""Whatever is used once is used once, also when two processes use it at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factor_kit import MemoryStore
from tests.race_contests import RACES, WAITING
from tests.race_controls import CONTROLLED
from tests.race_kit import ROUNDS, run_race, run_race_of_threads

SQL = ("sqlite", "pg")
EVERYWHERE = [(kind, race) for kind in SQL for race in RACES] + [("valkey", race) for race in WAITING]


@pytest.fixture
def url(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> str:
    """An empty database, or an empty Valkey."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/race.db"
    if kind == "valkey":
        request.getfixturevalue("valkey_client")  # empties it
    found: str = request.getfixturevalue("pg_database" if kind == "pg" else "valkey_url")
    return found


@pytest.mark.parametrize(("kind", "race"), EVERYWHERE)
def test_exactly_one_wins(race: str, url: str) -> None:
    """In every round, one of two processes gets it and the other does not."""
    assert run_race(race, url) == [1] * ROUNDS


@pytest.mark.parametrize("race", RACES)
def test_exactly_one_thread_wins(race: str) -> None:
    """The store in memory keeps the same promise among threads."""
    assert run_race_of_threads(race, MemoryStore()) == [1] * ROUNDS


@pytest.mark.parametrize(("kind", "race"), [one for one in EVERYWHERE if one[1] in CONTROLLED])
def test_a_store_that_reads_and_then_writes_is_caught(race: str, url: str) -> None:
    """The same race finds the control store out, so the test above can fail."""
    assert run_race(race, url, control=True, rounds=10) != [1] * 10
