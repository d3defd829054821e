"""Throttling: what an attacker gets, and what the owner keeps."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from secureacct.errors import ConfigurationError, StoreUnavailable, Throttled
from secureacct.keys import Keyring
from secureacct.stores.memory import MemoryStore
from secureacct.throttle import (
    ActionPolicy,
    Admitted,
    AsyncThrottle,
    AuthenticatorPaused,
    Budget,
    Ladder,
    Throttle,
    ThrottlePolicy,
    TooManyAttempts,
    rules,
)
from secureacct.throttle.policies import GUESSED, MOST_PER_HOUR, STANDARD
from secureacct.throttle.steps import _charge

START = 1_790_000_000.0
ME, OTHER = "192.0.2.7", "198.51.100.9"


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    """The standard policy on a new store."""
    return Throttle(MemoryStore(), Keyring.generate(), clock=clock)


def fail(throttle: Throttle, times: int, **who: Any) -> int:
    """Let attempts fail at one moment; how many were let through."""
    let = 0
    for _ in range(times):
        try:
            throttle.admit(action="sign_in", **who)
            let += 1
        except TooManyAttempts:
            pass
    return let


def fail_as_fast_as_possible(throttle: Throttle, clock: Clock, times: int, **who: Any) -> Admitted:
    """Fail ``times`` times, waiting exactly as long as asked for; the last ticket."""
    ticket = None
    while times:
        try:
            ticket = throttle.admit(action="sign_in", **who)
            times -= 1
        except TooManyAttempts as refused:
            clock.now += refused.retry_after
    assert ticket is not None
    return ticket


def test_the_waits_are_those_of_the_standard() -> None:
    """Five attempts are free, then 30 s doubling to an hour; a hundred failures take 89 hours."""
    charge = _charge(b"k", "account", GUESSED)
    waits = [rules.wait_ms(charge, count) // 1000 for count in range(1, 100)]
    assert waits[:13] == [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert round(sum(waits) / 3600) == 89


def test_five_are_free_and_the_sixth_waits(throttle: Throttle, clock: Clock) -> None:
    """The sixth attempt is refused for 30 s, the seventh for 60 s: waits grow across cool-downs."""
    assert fail(throttle, 10, account="ada@example.org", network=ME) == 5
    for wait in (30, 60, 120):
        with pytest.raises(TooManyAttempts) as refused:
            throttle.admit(action="sign_in", account="ada@example.org", network=ME)
        assert refused.value.retry_after == wait
        clock.now += wait
        assert fail(throttle, 3, account="ada@example.org", network=ME) == 1


def test_hammering_at_a_shut_door_makes_it_no_longer_shut(throttle: Throttle, clock: Clock) -> None:
    """Refused attempts are not counted: the wait of the owner does not grow by them."""
    fail(throttle, 500, account="ada@example.org", network=ME)
    clock.now += 30
    assert fail(throttle, 1, account="ada@example.org", network=ME) == 1


def test_an_unknown_name_looks_like_a_known_one(throttle: Throttle) -> None:
    """Whatever was typed is counted, in any spelling of one name: a 429 tells nothing."""
    assert fail(throttle, 3, account="nobody@example.org", network=ME) == 3
    assert fail(throttle, 3, account=" NOBODY@Example.org ", network=ME) == 2


def test_success_does_not_open_the_way_to_another_account(throttle: Throttle, clock: Clock) -> None:
    """An attacker who signs in to an account of their own between guesses gains nothing."""
    fail(throttle, 5, account="victim@example.org", network=ME)
    for _ in range(50):
        throttle.succeeded(throttle.admit(action="sign_in", account="own@example.org", network=ME))
    assert fail(throttle, 5, account="victim@example.org", network=ME) == 0


def test_successes_cost_a_network_nothing() -> None:
    """An office behind one address may sign in all day."""
    throttle = Throttle(MemoryStore(), Keyring.generate(), clock=lambda: START)
    for number in range(1000):
        ticket = throttle.admit(action="sign_in", account=f"{number}@example.org", network=ME)
        throttle.succeeded(ticket)
    assert fail(throttle, 200, account=None, network=ME) == 100


def test_a_storm_from_one_address_leaves_the_known_device_alone(throttle: Throttle) -> None:
    """The owner signs in on the known device, even from the very address of the storm."""
    for number in range(300):
        fail(throttle, 1, account=f"{number}@example.org", network=ME)
    fail(throttle, 100, account="ada@example.org", network=ME)
    with pytest.raises(TooManyAttempts):
        throttle.admit(action="sign_in", account="ada@example.org", network=ME)
    ticket = throttle.admit(action="sign_in", account="ada@example.org", network=ME, known_device="mark-1")
    assert ticket.lane == "device"


def test_a_botnet_pauses_the_password_and_not_the_owner(throttle: Throttle, clock: Clock) -> None:
    """After 100 failures from anywhere strangers are shut out until somebody clears it; exactly one
    ticket says that a mail is due; the known device, passkeys and the reset go on."""
    tickets: list[Admitted] = []
    network = 0
    while len(tickets) < 100:
        network += 1
        try:
            who = f"198.51.{network // 250}.{network % 250}"
            tickets.append(throttle.admit(action="sign_in", account="ada@example.org", network=who))
        except TooManyAttempts as refused:
            clock.now += refused.retry_after
    assert [ticket.pauses for ticket in tickets] == [False] * 99 + [True]
    clock.now += 90 * 86_400
    with pytest.raises(AuthenticatorPaused) as paused:
        throttle.admit(action="sign_in", account="ada@example.org", network="203.0.113.1")
    assert paused.value.retry_after == 3600
    assert "paused" in paused.value.sentence
    throttle.admit(action="sign_in", account="ada@example.org", network=ME, known_device="mark-1")
    throttle.admit(action="passkey", network=ME)
    throttle.admit(action="reset", account="ada@example.org", network=ME)
    throttle.cleared(action="sign_in", account="ada@example.org", network=ME)
    assert fail(throttle, 9, account="ada@example.org", network=ME) == 5


def test_a_stolen_mark_buys_twenty_guesses(throttle: Throttle, clock: Clock) -> None:
    """A known device that fails twenty times in a row is a stranger from then on."""
    who: dict[str, Any] = {"account": "ada@example.org", "network": ME, "known_device": "mark-1"}
    fail_as_fast_as_possible(throttle, clock, 20, **who)
    assert throttle.admit(action="sign_in", **who).lane == "stranger"


def test_one_mark_is_of_no_use_at_another_account(throttle: Throttle) -> None:
    """The device's budget belongs to account and mark together."""
    assert fail(throttle, 9, account="ada@example.org", network=ME, known_device="m") == 5
    assert fail(throttle, 9, account="bob@example.org", network=ME, known_device="m") == 5


def test_success_on_the_known_device_gives_strangers_nothing(throttle: Throttle, clock: Clock) -> None:
    """The owner's sign-ins do not renew what a botnet may guess."""
    for number in range(20):
        fail(throttle, 1, account="ada@example.org", network=f"198.51.100.{number}")
    known = throttle.admit(action="sign_in", account="ada@example.org", network=ME, known_device="m")
    throttle.succeeded(known)
    assert fail(throttle, 1, account="ada@example.org", network=OTHER) == 0


def test_what_was_never_judged_costs_nothing(throttle: Throttle) -> None:
    """Attempts withdrawn because we were busy do not count, not even as the hundredth."""
    for _ in range(300):
        ticket = throttle.admit(action="sign_in", account="ada@example.org", network=ME)
        throttle.withdrawn(ticket)
    assert fail(throttle, 9, account="ada@example.org", network=ME) == 5


def test_a_withdrawn_hundredth_pauses_nobody(throttle: Throttle, clock: Clock) -> None:
    """If the attempt that paused the password was never judged, the longest wait takes its place."""
    ticket = fail_as_fast_as_possible(throttle, clock, 100, account="ada@example.org", network=ME)
    assert ticket.pauses
    throttle.withdrawn(ticket)
    with pytest.raises(TooManyAttempts) as refused:
        throttle.admit(action="sign_in", account="ada@example.org", network=OTHER)
    assert not isinstance(refused.value, AuthenticatorPaused)
    clock.now += 3600
    assert throttle.admit(action="sign_in", account="ada@example.org", network=OTHER).pauses


def test_addresses_within_one_network_count_together(throttle: Throttle) -> None:
    """Walking through a /64 is one client; walking through a /56 or /48 runs dry as well."""
    assert sum(fail(throttle, 1, account=None, network=f"2001:db8::{n:x}") for n in range(200)) == 100
    wide = sum(
        fail(throttle, 1, account=None, network=f"2001:db8:1:{n:x}::1") for n in range(256) for _ in "12"
    )
    assert wide == 300


def test_no_address_is_one_shared_network(throttle: Throttle) -> None:
    """Where the address is unknown everybody shares one budget: nothing goes uncounted."""
    assert fail(throttle, 200, account=None, network=None) == 100


def test_actions_do_not_share_their_counts(throttle: Throttle) -> None:
    """Failing to sign in leaves the reset and the second factor untouched."""
    fail(throttle, 50, account="ada@example.org", network=ME)
    for action in (
        "second_factor",
        "fresh_proof",
        "reset",
        "registration",
        "verification_mail",
        "email_change",
    ):
        throttle.admit(action=action, account="ada@example.org", network=OTHER)


@pytest.mark.parametrize("action", ["reset", "registration", "verification_mail", "email_change", "recovery"])
def test_mails_are_few(throttle: Throttle, action: str) -> None:
    """Whoever asks, an address gets three mails at once and then fewer and fewer."""
    for number in range(3):
        throttle.admit(action=action, account="ada@example.org", network=f"192.0.2.{number}")
    with pytest.raises(TooManyAttempts) as refused:
        throttle.admit(action=action, account="ada@example.org", network="192.0.2.99")
    assert refused.value.retry_after == 60


def test_an_unlock_mail_goes_once_a_day(throttle: Throttle, clock: Clock) -> None:
    """Hammering at a paused account does not flood its owner's mailbox."""
    throttle.admit(action="unlock_mail", account="ada@example.org")
    with pytest.raises(TooManyAttempts):
        throttle.admit(action="unlock_mail", account="ada@example.org")
    clock.now += 86_401
    throttle.admit(action="unlock_mail", account="ada@example.org")


def test_spraying_is_seen_and_refused_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """One guess each at many accounts from many networks trips the watch, not the door."""
    throttle = Throttle(MemoryStore(), Keyring.generate(), clock=lambda: START)
    with caplog.at_level(logging.WARNING, "secureacct.throttle"):
        tickets = [
            throttle.admit(action="sign_in", account=f"{n}@example.org", network=f"10.{n // 250}.{n % 250}.1")
            for n in range(1100)
        ]
    assert [ticket.spraying for ticket in tickets].count(True) == 100
    assert [vars(record)["event"] for record in caplog.records] == ["throttle.spraying"]


def test_network_budgets_can_be_widened_alone(clock: Clock) -> None:
    """Where everybody comes from one address, its budget grows and the account's ladder does not."""
    policy = ThrottlePolicy().with_network_budget(per_hour=1000)
    throttle = Throttle(MemoryStore(), Keyring.generate(), policy=policy, clock=clock)
    assert (
        sum(fail(throttle, 1, account=f"{n}@example.org", network="127.0.0.1") for n in range(1100)) == 1000
    )
    clock.now += 3600
    assert fail(throttle, 9, account="ada@example.org", network="127.0.0.1") == 5


def test_what_may_be_done_more_often_keeps_its_share() -> None:
    """Widening or narrowing moves every budget by the same factor, and none to nothing."""
    for per_hour, at_least in ((1000, 1), (1, 1), (10**9, 1)):
        policy = ThrottlePolicy().with_network_budget(per_hour=per_hour)
        sign_in, options = policy.of("sign_in").networks[0], policy.of("passkey_options").networks[0]
        assert options.per_hour == min(12 * sign_in.per_hour, MOST_PER_HOUR)
        assert sign_in.per_hour >= at_least


@pytest.mark.parametrize(
    ("typed", "other"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        (" Ada@Example.org", "ada@example.org"),
        ("ＡＤＡ@example.org", "ada@example.org"),
    ],
)
def test_a_second_spelling_buys_no_second_budget(typed: str, other: str) -> None:
    """However an address is written, its guesses are counted together."""
    assert rules.subject(typed) == rules.subject(other)


@pytest.mark.parametrize(
    "name", ["", "@", "a@" + "x" * 300, "a@..", "\ud800@\ud800", "ada", "ada@a..b", "ß@ß"]
)
def test_any_name_is_counted(name: str) -> None:
    """What is no address is a name all the same, and always the same one."""
    assert rules.subject(name) == rules.subject(rules.subject(name))


def test_an_action_nobody_guards_is_refused(throttle: Throttle) -> None:
    """A forgotten policy is an error at once, not an open door."""
    with pytest.raises(ConfigurationError):
        throttle.admit(action="sign_inn", account="ada@example.org", network=ME)


class Down(MemoryStore):
    """A store that does not answer."""

    async def count_attempt(self, charges, *, now_ms):
        raise StoreUnavailable


def test_without_a_store_the_door_is_shut_unless_said_otherwise() -> None:
    """Fail closed is the default; open is a choice made for every bucket that would refuse."""
    keys = Keyring.generate()
    for action in STANDARD:
        with pytest.raises(StoreUnavailable):
            Throttle(Down(), keys).admit(action=action, account="ada@example.org", network=ME)
    half = ActionPolicy(account=Ladder(), networks=(Budget(per_hour=9, store_down="open"),))
    whole = ActionPolicy(account=Ladder(store_down="open"), networks=half.networks)
    policy = ThrottlePolicy().with_action("half", half).with_action("whole", whole)
    throttle = Throttle(Down(), keys, policy=policy)
    with pytest.raises(StoreUnavailable):
        throttle.admit(action="half", account="ada@example.org", network=ME)
    ticket = throttle.admit(action="whole", account="ada@example.org", network=ME)
    assert not ticket.counted
    throttle.succeeded(ticket)


def test_a_refusal_says_when_and_says_no_more(throttle: Throttle) -> None:
    """The error is a 429 with the wait in words, and holds neither name nor address."""
    fail(throttle, 5, account="ada@example.org", network=ME)
    with pytest.raises(Throttled) as refused:
        throttle.admit(action="sign_in", account="ada@example.org", network=ME)
    error = refused.value
    assert (error.code, error.http_status_hint, error.retry_after) == ("throttled", 429, 30)
    assert isinstance(error, TooManyAttempts)
    assert error.sentence == "Too many attempts. Please wait 30 seconds before you try again."
    assert "ada" not in str(error) + repr(error)
    assert ME not in str(error) + repr(error)


def test_a_store_sees_neither_names_nor_addresses(throttle: Throttle) -> None:
    """Buckets are keyed hashes: a copied table tells nobody who tried to sign in, or from where."""
    ticket = throttle.admit(action="sign_in", account="ada@example.org", network=ME)
    seen = repr(throttle.parts.store.state.topics["throttle"]) + repr(ticket)  # type: ignore[attr-defined]
    assert "ada@" not in seen
    assert "192.0.2" not in seen
    assert ticket.keys[0].hex() not in repr(ticket)
    other = Throttle(MemoryStore(), Keyring.generate()).admit(
        action="sign_in", account="ada@example.org", network=ME
    )
    assert not set(ticket.keys) & set(other.keys)


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names made up by the thousand push out the longest untouched buckets, and memory does not grow."""
    monkeypatch.setattr("secureacct.stores.memory.throttle.MOST_BUCKETS", 50)
    throttle = Throttle(MemoryStore(), Keyring.generate(), clock=lambda: START)
    for number in range(200):
        throttle.admit(action="unlock_mail", account=f"{number}@example.org")
    assert len(throttle.parts.store.state.topics["throttle"]) == 50  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "numbers",
    [
        {"free": 0},
        {"free": 101},
        {"first_wait_s": 0},
        {"longest_wait_s": 10},
        {"pause_at": 5},
        {"pause_at": 101},
        {"forget_after_s": 3600},
    ],
)
def test_numbers_that_protect_nobody_are_refused(numbers: dict[str, Any]) -> None:
    """A ladder outside the standard's limits cannot be built."""
    with pytest.raises(ConfigurationError):
        Ladder(**numbers)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3600, "1 hour"),
        (3601, "2 hours"),
    ],
)
def test_waiting_times_in_words(seconds: int, words: str) -> None:
    """A waiting time is rounded up and never down."""
    assert f"wait {words} before" in rules.waiting_sentence(seconds)


@pytest.mark.anyio
async def test_the_awaiting_face_does_the_same() -> None:
    """AsyncThrottle has the same methods, awaited."""
    throttle = AsyncThrottle(MemoryStore(), Keyring.generate(), clock=lambda: START)
    ticket = await throttle.admit(action="sign_in", account="ada@example.org", network=ME)
    await throttle.succeeded(ticket)
    await throttle.withdrawn(ticket)
    await throttle.cleared(action="sign_in", account="ada@example.org")
    assert await throttle.forget(now=START + 100 * 86_400) > 0
