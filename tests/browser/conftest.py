"""The demo, and a page on which nothing may go wrong unseen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.shop import Shop, served, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One demo for the module; every test has an account of its own."""
    with served(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page with scripts, on which no error and no breach of the policy may go unseen."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened, wrong = watched(context)
    yield opened
    context.close()
    assert wrong == []
