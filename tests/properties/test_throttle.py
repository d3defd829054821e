"""Whatever the timing, no bucket lets more through than its numbers say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from secureacct.records.throttle import FOREVER_MS, Bucket, Charge
from secureacct.throttle import rules

LADDER = Charge(
    key=b"k", kind="account", free=5, step_ms=30_000, cap_ms=3_600_000, pause_at=0, room_ms=0,
    forget_ms=30 * 86_400_000,
)  # fmt: skip
BUDGET = Charge(
    key=b"k", kind="network", free=10, step_ms=360_000, cap_ms=0, pause_at=0, room_ms=9 * 360_000,
    forget_ms=7_200_000,
)  # fmt: skip

START = 1_790_000_000_000
gaps = st.lists(st.integers(0, 400_000) | st.integers(0, 4_000_000), max_size=120)


@given(gaps)
def test_n_attempts_at_a_ladder_take_all_its_waits(between: list[int]) -> None:
    """After the n-th attempt that was let through, at least the waits of the ones before have passed."""
    bucket: Bucket | None = None
    now, passed = START, 0
    for gap in between:
        now += gap
        after = rules.count(bucket, LADDER, now_ms=now)
        if after is not None:
            bucket, passed = after, passed + 1
            assert now - START >= sum(rules.wait_ms(LADDER, count) for count in range(1, passed))


@given(gaps)
def test_a_budget_lets_no_more_through_than_it_refills(between: list[int]) -> None:
    """Within any time, at most the whole budget at once and one more for every refill."""
    bucket: Bucket | None = None
    now, passed = START, 0
    for gap in between:
        now += gap
        after = rules.count(bucket, BUDGET, now_ms=now)
        if after is not None:
            bucket, passed = after, passed + 1
            assert passed <= BUDGET.free + (now - START) // BUDGET.step_ms


@given(st.sampled_from([LADDER, BUDGET]), st.integers(1, 60), st.integers(0, 59))
def test_withdrawing_never_gives_more_than_was_taken(charge: Charge, taken: int, given_back: int) -> None:
    """However many attempts are withdrawn, a bucket is never emptier than if they had not been made."""
    bucket: Bucket | None = None
    for number in range(taken):
        bucket = rules.count(bucket, charge, now_ms=START + number * 4_000_000) or bucket
    assert bucket is not None
    counted = bucket.count
    for _ in range(given_back):
        bucket = rules.after_withdrawal(bucket)
    assert bucket.count == max(0, counted - given_back)
    if charge.cap_ms and bucket.count < charge.free:
        assert bucket.until_ms <= bucket.seen_ms


@given(st.integers(6, 100), st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_a_pause_ends_only_by_hand(pause_at: int, later: list[int]) -> None:
    """No time that passes opens a paused ladder."""
    charge, now = replace(LADDER, pause_at=pause_at), START
    bucket: Bucket | None = None
    for _ in range(pause_at):
        bucket = rules.count(bucket, charge, now_ms=now)
        now += 3_600_000
    assert bucket is not None
    assert bucket.until_ms == bucket.forget_at_ms == FOREVER_MS
    assert all(rules.count(bucket, charge, now_ms=now + gap) is None for gap in later)
    assert rules.count(rules.after_success(bucket), charge, now_ms=now) is not None


@given(st.text(), st.text(), st.text(), st.text())
def test_buckets_of_different_subjects_have_different_names(
    one: str, other: str, third: str, fourth: str
) -> None:
    """Moving a character from one part to the next is another bucket."""
    same = (one, other) == (third, fourth)
    keys = [
        rules.bucket_key(b"s" * 32, "sign_in", "account", *parts) for parts in ((one, other), (third, fourth))
    ]
    assert (keys[0] == keys[1]) is same
