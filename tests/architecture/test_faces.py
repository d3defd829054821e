"""Blocking and awaiting faces are twins: the same names, the same parameters, each step on both."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAIRS = (
    ("secureacct.accounts", "Accounts"),
    ("secureacct.audit", "AuditLog"),
    ("secureacct.commitments.correspondence", "Correspondence"),
    ("secureacct.commitments.erasure", "Erasure"),
    ("secureacct.commitments.export", "Exports"),
    ("secureacct.commitments.mailing_faces", "Mailings"),
    ("secureacct.commitments.partners", "Disclosures"),
    ("secureacct.commitments.policy_versions", "Policies"),
    ("secureacct.consent", "Consents"),
    ("secureacct.fields.subjects", "Subjects"),
    ("secureacct.sessions", "Sessions"),
    ("secureacct.statistics", "Statistics"),
    ("secureacct.throttle", "Throttle"),
)
NO_FACES = {"AsyncSqlStore", "AsyncRedisStore", "AsyncPsycopgDriver", "AsyncKeyProvider"}  # held to protocols


def _public(face: type) -> dict[str, list[str]]:
    steps = {name: getattr(face, name) for name in dir(face) if not name.startswith("_")}
    return {name: list(inspect.signature(step).parameters) for name, step in steps.items() if callable(step)}


@pytest.mark.parametrize(("module", "name"), PAIRS)
def test_both_faces_offer_the_same(module: str, name: str) -> None:
    """Whoever changes from one to the other changes the class and adds ``await``."""
    found = importlib.import_module(module)
    blocking, awaiting = _public(getattr(found, name)), _public(getattr(found, f"Async{name}"))
    assert blocking == awaiting
    assert blocking


def test_no_pair_is_forgotten() -> None:
    """Each class called Async... stands in the table above."""
    package = Path(__file__).parents[2] / "secureacct"
    source = "".join(file.read_text() for file in package.rglob("*.py"))
    named = set(re.findall(r"^class (Async\w+)", source, re.MULTILINE))
    assert named == {f"Async{name}" for _, name in PAIRS} | NO_FACES
