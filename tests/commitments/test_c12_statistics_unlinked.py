"""C12: statistics shown to others are not linked to a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct._faces import run_inline
from secureacct.statistics import (
    CannotCount,
    Counter,
    NotPublishable,
    StatisticParts,
    Statistics,
    publishable,
)
from tests.privacy_kit import START, InMemory

TODAY = START // 86_400
BROWSERS = Counter(name="visits", by="browser", groups=("Firefox", "Chrome", "Lynx"))
BASKETS = Counter(name="baskets", by="value", edges=(10, 50), period_days=1)


@pytest.fixture
def statistics(store, clock):
    """Two counters."""
    return Statistics(StatisticParts(store=store, counters=[BROWSERS, BASKETS], clock=clock))


def week_later(clock):
    """Let the period be over."""
    clock.forward(days=14)


def test_counts_are_shown_and_small_groups_are_not(statistics, clock):
    """A group below the minimum is withheld together with another, so that subtracting tells nothing."""
    for group, times in (("Firefox", 40), ("Chrome", 90), ("Lynx", 2)):
        for _ in range(times):
            statistics.count("visits", group)
    week_later(clock)
    shown = statistics.publish("visits", day=TODAY)
    assert shown.total == 132
    assert shown.counts == {"Chrome": 90}
    assert set(shown.withheld) == {"Lynx", "Firefox", "other"}


def test_a_value_of_a_person_never_becomes_a_group(statistics, store, clock):
    """Whatever is handed in as a group, only declared groups are ever stored."""
    statistics.count("visits", "ada@example.org")
    cells = run_inline(store.cells("visits", first_day=0, last_day=TODAY + 1))
    assert [one.group for one in cells] == ["other"]


def test_a_person_is_counted_once_a_day_and_not_known_tomorrow(statistics, store, clock):
    """Marks and secrets of a day that is over are gone; the counts stay."""
    for _ in range(3):
        statistics.count_once("visits", "visitor-7", "Firefox")
    statistics.count_once("visits", "visitor-8", "Firefox")
    assert run_inline(store.cells("visits", first_day=TODAY, last_day=TODAY))[0].count == 2
    assert run_inline(store.day_secret(TODAY)) is not None
    clock.forward(days=1)
    statistics.count_once("visits", "visitor-7", "Firefox")
    assert run_inline(store.day_secret(TODAY)) is None
    assert run_inline(store.cells("visits", first_day=TODAY, last_day=TODAY))[0].count == 2


def test_two_days_cannot_be_linked(clock):
    """The same visitor leaves marks that have nothing in common on two days."""
    store = InMemory()
    statistics = Statistics(StatisticParts(store=store, counters=[BROWSERS], clock=clock))
    statistics.count_once("visits", "visitor-7")
    (first,) = store.state.topic("cell_mark")
    clock.forward(days=1)
    statistics.count_once("visits", "visitor-7")
    (second,) = store.state.topic("cell_mark")
    assert first[1] != second[1]
    assert b"visitor-7" not in first[1] + second[1]


def test_two_processes_share_the_days_secret(store, clock):
    """A visitor who meets two servers is still one."""
    for _ in range(2):
        other = Statistics(StatisticParts(store=store, counters=[BROWSERS], clock=clock))
        other.count_once("visits", "visitor-7", "Firefox")
    assert run_inline(store.cells("visits", first_day=TODAY, last_day=TODAY))[0].count == 1


def test_only_whole_periods_that_are_over_are_published(statistics, clock):
    """Nobody can compare today's figure with yesterday's, and find the one who came between."""
    statistics.count("visits", "Firefox")
    with pytest.raises(NotPublishable):
        statistics.publish("visits", day=TODAY)
    with pytest.raises(NotPublishable):
        statistics.publish("nothing", day=TODAY)
    week_later(clock)
    first = statistics.publish("visits", day=TODAY)
    assert first == statistics.publish("visits", day=first.first_day)
    assert first.last_day - first.first_day == 6


def test_numbers_become_a_histogram(statistics, clock):
    """A number falls between its edges and is forgotten."""
    for value in [5] * 30 + [10] * 30 + [49.9] * 10 + [50] * 30:
        statistics.count("baskets", value)
    clock.forward(days=1)
    shown = statistics.publish("baskets", day=TODAY)
    assert shown.counts == {"below 10": 30, "10 to 50": 40, "50 and more": 30}


@pytest.mark.parametrize(
    "wrong",
    [
        Counter(name="x", by="email", groups=("a",)),
        Counter(name="x", by="IP_Address", groups=("a",)),
        Counter(name="x", by="browser"),
        Counter(name="x", by="age", edges=(3, 2)),
        Counter(name="x", period_days=0),
    ],
)
def test_personal_and_open_groupings_are_refused(wrong):
    """Counting by something personal, or by values not known in advance, is refused at start."""
    with pytest.raises(CannotCount):
        StatisticParts(store=InMemory(), counters=[wrong])


counts = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 60), min_size=1, max_size=8
)


@given(counts, st.integers(2, 12))
def test_nobody_can_work_out_a_withheld_group(counts, least):
    """Who knows the total, the shown groups and the rule finds at least two values for each hidden group."""
    shown, total = publishable(counts, min_group=least)
    assert all(count >= least for count in shown.values())
    hidden = {name: count for name, count in counts.items() if name not in shown}
    if not hidden or total is None:
        return
    rest = total - sum(shown.values())
    assert len(hidden) > 1
    assert rest == sum(hidden.values()) >= least
    ceiling = min(shown.values(), default=total)
    bounds = {name: (0, least - 1) if count < least else (least, ceiling) for name, count in hidden.items()}
    for name, (low, high) in bounds.items():
        others = [bounds[other] for other in bounds if other != name]
        smallest = max(low, rest - sum(one for _, one in others))
        largest = min(high, rest - sum(one for one, _ in others))
        assert smallest <= counts[name] <= largest
        assert largest > smallest, "the group is given away"
