"""What the stories of the promises share: a clock that moves by hand, keys, and every blocking store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.doctor.promises.rehearsal import Rehearsal, rehearse
from secureacct.keys import Keyring
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.stores.sql.base import metadata
from tests.commitments.stage import make_site
from tests.privacy_kit import Clock, InMemory, OnSql


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until told."""
    return Clock()


@pytest.fixture(scope="session")
def keys() -> Keyring:
    """A keyring in memory."""
    return Keyring.generate()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A store, once in memory and once on a SQLite file."""
    if request.param == "memory":
        yield InMemory()
        return
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'privacy.db'}")
    metadata.create_all(engine)
    yield OnSql(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A whole site in rehearsal, for stories told with a browser."""
    folder = tmp_path_factory.mktemp("stage")
    return rehearse(make_site(folder, hasher=PasswordHasher(CHEAPEST)), folder, name="stage")
