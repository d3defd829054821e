"""How strong and how fresh: every pair of what was proved and what is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct import assurance
from secureacct.assurance import (
    COUNTS_AS,
    WAYS,
    EnrolmentRule,
    MustEnrol,
    Needs,
    Require,
    Satisfied,
    decide,
    enrolled_kinds,
    enrolment_due,
    level_of,
)
from secureacct.errors import ConfigurationError
from secureacct.records.factors import Factors
from tests import assurance_page
from tests.factor_kit import passkey, totp

NOW = 1_800_000_000
TEN_MINUTES = timedelta(minutes=10)
TABLE = json.loads((Path(__file__).parents[1] / "vectors" / "step_up.json").read_text())
PAIRS = [
    pytest.param(
        row["proofs"], asked, answer, id=f"{'+'.join(row['proofs']) or 'nothing'} for {asked['name']}"
    )
    for row in TABLE["held"]
    for asked, answer in zip(TABLE["asked"], row["answers"], strict=True)
]
ALL = frozenset(TABLE["enrolled"])


def _expected(answer: Any, decision: assurance.Decision) -> bool:
    if answer == "yes":
        return isinstance(decision, Satisfied)
    return decision == Needs(accepts=tuple(answer))


@pytest.mark.parametrize(("proofs", "asked", "answer"), PAIRS)
def test_every_pair(proofs: list[str], asked: dict[str, Any], answer: Any) -> None:
    """Fresh proofs give the answer of the table; the same proofs gone stale are as good as nothing."""
    level, factors = asked["level"], frozenset(asked["factors"])
    require = Require(level=level, factors=factors, max_age=TEN_MINUTES)
    fresh = [(kind, NOW - 600) for kind in proofs]
    assert _expected(answer, decide(require, proofs=fresh, enrolled=ALL, now=NOW))
    stale = [(kind, NOW - 601) for kind in proofs]
    nothing = TABLE["held"][0]["answers"][TABLE["asked"].index(asked)]
    assert _expected(nothing, decide(require, proofs=stale, enrolled=ALL, now=NOW))
    without_age = Require(level=level, factors=factors)
    assert _expected(answer, decide(without_age, proofs=stale, enrolled=ALL, now=NOW))


def test_the_table_is_complete() -> None:
    """Every row and column of the documented table is in the tested one, and every kind appears."""
    assert [tuple(row["proofs"]) for row in TABLE["held"]] == list(assurance_page.HELD)
    assert ALL == assurance_page.ENROLLED
    assert {kind for row in TABLE["held"] for kind in row["proofs"]} == COUNTS_AS.keys()


def test_the_page_shows_the_tables_that_the_code_uses() -> None:
    """docs/why/assurance.md is what ``python -m tests.assurance_page`` writes."""
    text = assurance_page.PAGE.read_text()
    assert assurance_page.page(text) == text


# Never made fresh by something weaker


def test_a_fresh_password_does_not_freshen_an_old_second_factor() -> None:
    """An hour after signing in with both, the password alone is not fresh proof of the account's level."""
    proofs = [("password", NOW), ("totp", NOW - 3600)]
    enrolled = {"password", "totp", "recovery_code"}
    decision = decide(Require(max_age=TEN_MINUTES), proofs=proofs, enrolled=enrolled, now=NOW)
    assert decision == Needs(accepts=("totp", "recovery_code"))


def test_a_fresh_second_factor_does_not_freshen_an_old_password() -> None:
    """The other way round too: two factors means both are fresh."""
    proofs = [("password", NOW - 3600), ("totp", NOW)]
    decision = decide(Require(max_age=TEN_MINUTES), proofs=proofs, enrolled={"password", "totp"}, now=NOW)
    assert decision == Needs(accepts=("password",))


def test_two_passkeys_do_not_lend_each_other_what_they_lack() -> None:
    """A synced passkey with PIN and a bound one without make no bound one with PIN."""
    assert level_of(["passkey:uv", "passkey:bound"]) == 2
    assert level_of(["passkey:bound:uv"]) == 3


def test_a_synced_passkey_never_reaches_level_three() -> None:
    """Whatever is added to it, what may have been copied stays at two (NIST SP 800-63B-4 2.3.2)."""
    assert level_of(["passkey:uv", "password", "totp", "recovery_code"]) == 2


def test_unknown_kinds_count_for_nothing() -> None:
    """A proof of a kind that is not in the table, as from another version, opens nothing."""
    assert level_of(["mail", "passkey:very", ""]) == 0
    decision = decide(Require(level=1), proofs=[("mail", NOW)], enrolled={"password", "mail"}, now=NOW)
    assert decision == Needs(accepts=("password",))


@pytest.mark.parametrize(
    ("at", "counts"), [(NOW, True), (NOW + 60, True), (NOW + 61, False), (NOW - 601, False)]
)
def test_a_proof_counts_between_its_age_and_a_minute_of_skew(at: int, counts: bool) -> None:
    """A time far in the future is not a fresh proof but a wrong one."""
    require = Require(level=1, max_age=TEN_MINUTES)
    decision = decide(require, proofs=[("password", at)], enrolled={"password"}, now=NOW)
    assert isinstance(decision, Satisfied) is counts


kinds = st.sampled_from(sorted(COUNTS_AS))
proof_lists = st.lists(st.tuples(kinds, st.integers(NOW - 2000, NOW)), max_size=6)
requirements = st.builds(
    Require,
    level=st.sampled_from([None, 1, 2, 3]),
    factors=st.frozensets(st.sampled_from(assurance.FACTORS), max_size=2),
    max_age=st.sampled_from([None, TEN_MINUTES]),
)


@given(require=requirements, proofs=proof_lists, enrolled=st.frozensets(kinds))
def test_satisfied_rests_on_fresh_proofs_alone(
    require: Require, proofs: list[tuple[str, int]], enrolled: frozenset[str]
) -> None:
    """Dropping every stale proof never changes an answer, and a satisfied one has the level and factors."""
    fresh = [proof for proof in proofs if require.max_age is None or proof[1] >= NOW - 600]
    decision = decide(require, proofs=proofs, enrolled=enrolled, now=NOW)
    assert decide(require, proofs=fresh, enrolled=enrolled, now=NOW) == decision
    if isinstance(decision, Satisfied):
        assert decision.level >= (require.level or 1)
        assert require.factors <= {assurance.factor_of(kind) for kind, _ in fresh}


@given(require=requirements, proofs=proof_lists, enrolled=st.frozensets(kinds))
def test_what_is_accepted_leads_to_the_end(
    require: Require, proofs: list[tuple[str, int]], enrolled: frozenset[str]
) -> None:
    """Proving everything that is accepted, with what the account holds, satisfies; enrolment is asked for
    only where nothing the account holds would do."""
    decision = decide(require, proofs=proofs, enrolled=enrolled, now=NOW)
    everything = [*proofs, *((kind, NOW) for kind in enrolled)]
    best = decide(require, proofs=everything, enrolled=enrolled, now=NOW)
    if isinstance(decision, Needs):
        shown = [(kind, NOW) for kind in enrolled if assurance.factor_of(kind) in decision.accepts]
        assert isinstance(decide(require, proofs=[*proofs, *shown], enrolled=enrolled, now=NOW), Satisfied)
    assert isinstance(decision, MustEnrol) == (not isinstance(best, Satisfied))


@given(one=st.frozensets(kinds), more=st.frozensets(kinds))
def test_more_proof_is_never_weaker(one: frozenset[str], more: frozenset[str]) -> None:
    """Adding a proof never lowers the level."""
    assert level_of(one | more) >= level_of(one)


def test_the_strongest_way_comes_first() -> None:
    """``WAYS`` is ordered, so the first that fits is the highest."""
    assert [way.level for way in WAYS] == sorted((way.level for way in WAYS), reverse=True)


# What an account holds, and what it must hold


def test_enrolled_kinds_come_from_what_is_usable() -> None:
    """Unconfirmed and disabled authenticators and lone recovery codes are nothing to ask for."""
    assert enrolled_kinds(Factors(account_id="a", recovery_codes_left=9), password=True) == {"password"}
    unusable = (totp("t1", confirmed_at=None), totp("t2", disabled_at=NOW))
    assert enrolled_kinds(Factors(account_id="a", totp=unusable), password=False) == frozenset()
    synced = passkey("p2", backup_eligible=True, user_verified=False)
    factors = Factors(account_id="a", totp=(totp(),), passkeys=(passkey(), synced), recovery_codes_left=1)
    assert enrolled_kinds(factors, password=True) == {
        "password",
        "totp",
        "recovery_code",
        "passkey",
        "passkey:bound:uv",
    }


def test_an_account_without_the_means_must_enrol() -> None:
    """A password alone cannot reach level two or three, and the answer says what could."""
    alone: dict[str, Any] = {"proofs": [("password", NOW)], "enrolled": {"password"}, "now": NOW}
    assert decide(Require(level=2), **alone) == MustEnrol(choices=("totp", "passkey"))
    assert decide(Require(level=3), **alone) == MustEnrol(choices=("passkey",))
    assert decide(Require(max_age=TEN_MINUTES), **alone) == Satisfied(level=1)


def test_a_lost_security_key_does_not_lock_its_own_removal() -> None:
    """The own level stops at two, so password and app are enough to remove a level-three key."""
    proofs = [("password", NOW), ("totp", NOW)]
    enrolled = {"password", "totp", "passkey:bound:uv"}
    assert decide(Require(max_age=TEN_MINUTES), proofs=proofs, enrolled=enrolled, now=NOW) == Satisfied(
        level=2
    )


def test_a_rule_can_demand_enrolment_with_grace() -> None:
    """Within the grace it is a reminder, after it a wall, and once enrolled nothing."""
    rule = EnrolmentRule(level=2, grace=timedelta(days=7))
    due = enrolment_due(rule, enrolled={"password"}, since=NOW, now=NOW)
    assert due is not None
    assert (due.due_at, due.overdue, due.choices) == (NOW + 7 * 86_400, False, ("totp", "passkey"))
    late = enrolment_due(rule, enrolled={"password"}, since=NOW, now=NOW + 7 * 86_400)
    assert late is not None
    assert late.overdue
    assert enrolment_due(rule, enrolled={"password", "totp"}, since=NOW, now=NOW) is None


@pytest.mark.parametrize(
    "wrong", [{"level": 0}, {"level": 4}, {"factors": frozenset({"mail"})}, {"max_age": timedelta(0)}]
)
def test_a_requirement_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """At construction: an app finds out when it starts."""
    with pytest.raises(ConfigurationError):
        Require(**wrong)
