"""C18: the policy may change; use is governed by the version accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from secureacct.commitments.errors import BadPromise, NothingDeclared, NotInForce, PolicyAltered
from secureacct.commitments.policy_versions import (
    AcceptanceDue,
    Policies,
    PolicyParts,
    PolicyRefused,
    UpToDate,
    policy_version,
    what_changed,
)
from tests.privacy_kit import START

THEN = datetime.fromtimestamp(START, UTC)
FIRST = policy_version(
    policy="privacy",
    version="2026-01",
    text="We keep little.\nWe tell nobody.",
    in_force=THEN - timedelta(days=300),
)
SECOND = policy_version(
    policy="privacy",
    version="2026-12",
    text="We keep little.\nWe tell our carrier.",
    in_force=THEN + timedelta(days=5),
    summary="The carrier now gets your address.",
)


@pytest.fixture
def policies(store, keys, clock):
    """A site with a policy in force and one to come."""
    policies = Policies(PolicyParts(store=store, keys=keys, clock=clock))
    assert policies.register(FIRST)
    assert policies.register(SECOND)
    return policies


def test_who_accepted_the_version_in_force_is_left_alone(policies):
    """The version to come is not asked for before its day."""
    assert isinstance(policies.standing("42", "privacy"), AcceptanceDue)
    policies.answer("42", "privacy", shown=FIRST.hash, accept=True)
    assert policies.standing("42", "privacy") == UpToDate(accepted=FIRST)


def test_a_new_version_leads_people_to_what_changed_with_time_to_read(policies, clock):
    """On the day, the account is led to the new text; after the grace it is overdue."""
    policies.answer("42", "privacy", shown=FIRST.hash, accept=True)
    clock.forward(days=6)
    due = policies.standing("42", "privacy")
    assert isinstance(due, AcceptanceDue)
    assert (due.version, due.accepted, due.overdue) == (SECOND, FIRST, False)
    assert what_changed(due.accepted, due.version) == (
        ("same", "We keep little."),
        ("removed", "We tell nobody."),
        ("added", "We tell our carrier."),
    )
    clock.forward(days=14)
    assert policies.standing("42", "privacy").overdue


def test_somebody_new_has_no_grace(policies, clock):
    """Who never accepted anything answers before anything else."""
    assert policies.standing("new", "privacy").overdue


def test_one_accepts_what_one_read(policies, clock):
    """A click on a text that is no longer in force is refused, and the new one is shown."""
    clock.forward(days=6)
    with pytest.raises(NotInForce):
        policies.answer("42", "privacy", shown=FIRST.hash, accept=True)
    with pytest.raises(NothingDeclared):
        policies.answer("42", "terms", shown=FIRST.hash, accept=True)
    policies.answer("42", "privacy", shown=SECOND.hash, accept=True)
    assert isinstance(policies.standing("42", "privacy"), UpToDate)


def test_a_no_is_a_no_until_the_person_says_otherwise(policies):
    """Who refuses reaches their own data and nothing else, and may change their mind."""
    policies.answer("42", "privacy", shown=FIRST.hash, accept=False)
    assert policies.standing("42", "privacy") == PolicyRefused(version=FIRST, then="own_data_only")
    policies.answer("42", "privacy", shown=FIRST.hash, accept=True)
    assert isinstance(policies.standing("42", "privacy"), UpToDate)
    assert [one.choice for one in policies.acceptances("42", "privacy")] == ["refused", "given"]


def test_a_registered_text_cannot_be_changed(policies):
    """The same name with other words, or the same moment with another text, is refused."""
    assert not policies.register(FIRST)
    for wrong in (
        policy_version(policy="privacy", version="2026-01", text="We sell it.", in_force=THEN),
        policy_version(policy="privacy", version="x", text="Other", in_force=THEN + timedelta(days=5)),
    ):
        with pytest.raises(PolicyAltered):
            policies.register(wrong)
    assert policies.in_force("privacy") == FIRST
    assert policies.in_force("terms") is None


def test_a_version_needs_a_text_and_a_moment():
    """Line ends do not make another version; a moment without a zone is refused."""
    same = policy_version(
        policy="privacy", version="x", text="We keep little.\r\nWe tell nobody.\r\n", in_force=THEN
    )
    assert same.hash == FIRST.hash
    with pytest.raises(BadPromise):
        policy_version(policy="privacy", version="x", text=" ", in_force=THEN)
    with pytest.raises(BadPromise):
        policy_version(policy="p", version="x", text="x", in_force=datetime(2026, 1, 1))  # noqa: DTZ001
