"""Redirects: our own paths, and every trick that leads elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureacct.redirects import safe_next

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "redirect_targets.json").read_text())


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: ascii(case["target"]))
def test_a_target_leads_home_or_nowhere(case: dict[str, str | None]) -> None:
    """Each target of the table gives exactly the path written beside it."""
    assert safe_next(case["target"], VECTORS["base_url"]) == case["next"]


def test_nothing_asked_for_is_nowhere() -> None:
    """Without a target there is none."""
    assert safe_next(None, "https://example.org") is None


def test_a_very_long_target_is_nowhere() -> None:
    """2048 characters are enough; what is longer costs nothing to refuse."""
    assert safe_next("/" + "a" * 2047, "https://example.org") == "/" + "a" * 2047
    assert safe_next("/" + "a" * 2048, "https://example.org") is None
    assert safe_next("/" + "%25" * 10_000_000, "https://example.org") is None


def test_the_port_belongs_to_the_origin() -> None:
    """Another port on our host is another program."""
    assert safe_next("http://localhost:8000/a", "http://localhost:8000") == "/a"
    assert safe_next("http://localhost:8001/a", "http://localhost:8000") is None
    assert safe_next("http://localhost:80001/a", "http://localhost:8000") is None
