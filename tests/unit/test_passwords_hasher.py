"""Hashing and checking: what is accepted, what is refused, and that nothing else happens."""

from __future__ import annotations

import pickle

import argon2
import pytest

from secureacct.errors import ConfigurationError, InvalidInput
from secureacct.passwords import (
    PasswordEmpty,
    PasswordHasher,
    PasswordHasNul,
    PasswordNotText,
    PasswordTooLong,
    WeakProfile,
    native,
    profiles,
)

PASSWORD = "correct horse battery staple"
CHEAP = PasswordHasher(profiles.CHEAPEST)


def test_a_hash_is_argon2id_with_the_parameters_of_the_profile() -> None:
    """The default is RFC 9106's second option, and the reference library verifies it."""
    encoded = PasswordHasher().hash(PASSWORD)
    assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert argon2.PasswordHasher().verify(encoded, PASSWORD)


def test_a_hash_of_the_reference_library_verifies() -> None:
    """A table filled by argon2-cffi with its defaults is read without any flag."""
    encoded = argon2.PasswordHasher().hash(PASSWORD)
    assert PasswordHasher().verify_and_update(PASSWORD, encoded) == (True, None)


def test_two_hashes_of_one_password_differ() -> None:
    """Every hash has its own salt of 16 bytes."""
    made = {CHEAP.hash(PASSWORD) for _ in range(50)}
    assert len(made) == 50
    assert {len(each.split("$")[4]) for each in made} == {22}


def test_the_right_password_and_only_it_verifies() -> None:
    """Another password, another case, a cut or longer one is False."""
    encoded = CHEAP.hash(PASSWORD)
    assert CHEAP.verify(PASSWORD, encoded)
    for wrong in (PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper(), " " + PASSWORD, "x"):
        assert not CHEAP.verify(wrong, encoded)


def test_the_last_character_of_a_long_password_counts() -> None:
    """Nothing is cut: the 200th and the 1024th character matter (NIST SP 800-63B-4 3.1.1.2 (9))."""
    for length in (200, 1024):
        encoded = CHEAP.hash("a" * length)
        assert CHEAP.verify("a" * length, encoded)
        assert not CHEAP.verify("a" * (length - 1) + "b", encoded)


def test_normal_forms_of_one_text_are_one_password() -> None:
    """A password set as NFC verifies typed as NFD, and the other way round."""
    composed, decomposed = "pässwörd-ünïcode", "pa\u0308sswo\u0308rd-u\u0308ni\u0308code"
    assert CHEAP.verify(decomposed, CHEAP.hash(composed))
    assert CHEAP.verify(composed, CHEAP.hash(decomposed))


@pytest.mark.parametrize("other", ["file password", "ＦＩＬＥ", "File password", "file password "])
def test_look_alikes_are_other_passwords(other: str) -> None:
    """Compatibility forms, case and spaces at the end are never folded."""
    assert not CHEAP.verify(other, CHEAP.hash("\ufb01le password"))


@pytest.mark.parametrize(
    ("password", "error"),
    [
        ("", PasswordEmpty),
        ("a" * 1025, PasswordTooLong),
        ("\U0001f600" * 1025, PasswordTooLong),
        ("a" * 10_000_000, PasswordTooLong),
        ("before\0after", PasswordHasNul),
        ("lone \ud800 surrogate", PasswordNotText),
        (b"bytes are no text", PasswordNotText),
        (None, PasswordNotText),
        (12345678, PasswordNotText),
    ],
)
def test_unusable_passwords_are_typed_errors_when_set_and_false_when_checked(
    password: object, error: type[InvalidInput], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting says what is wrong without the password in it; checking is False; neither hashes."""
    encoded = CHEAP.hash(PASSWORD)
    monkeypatch.setattr(native, "tag", _must_not_run)
    monkeypatch.setattr("secureacct.passwords.arenas.derive", _must_not_run)
    with pytest.raises(error) as caught:
        CHEAP.hash(password)  # type: ignore[arg-type]
    if isinstance(password, str) and password:
        assert password[:20] not in str(caught.value)
    assert CHEAP.verify(password, encoded) is False  # type: ignore[arg-type]
    assert CHEAP.verify_and_update(password, encoded) == (False, None)  # type: ignore[arg-type]
    assert CHEAP.verify_nothing(password) is None  # type: ignore[arg-type, func-returns-value]


def _must_not_run(*_: object, **__: object) -> bytes:
    raise AssertionError("work was done for input that costs nothing")


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "$",
        "nonsense",
        "$argon2id$",
        "$argon2id$v=19$m=65536,t=3,p=4$$",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$!!!",
        "$argon2id$v=19$m=65536,t=3$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw",
        "$argon2id$v=18$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw",
        "$argon2x$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw\n",
        "$argon2id$v=19$m=٦٥٥٣٦,t=3,p=4$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw",
        "$sa-wrap$v=1$$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaA",
        "\ud800",
        "$2b$12$" + "\ud800" * 53,
        "x" * 5_000_000,
    ],
)
def test_unreadable_hashes_are_false_at_no_cost(encoded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged stored hash is not an exception and not a hash computation."""
    monkeypatch.setattr("secureacct.passwords.arenas.derive", _must_not_run)
    assert PasswordHasher(importing=True).verify_and_update(PASSWORD, encoded) == (False, None)


@pytest.mark.parametrize(
    "parameters",
    [
        "m=4294967295,t=1,p=1",
        "m=262145,t=1,p=1",
        "m=65536,t=4294967295,p=1",
        "m=65536,t=33,p=1",
        "m=262144,t=8,p=1",
        "m=65536,t=1,p=65",
        "m=65536,t=1,p=16777215",
        "m=8,t=1,p=2",
        "m=0,t=0,p=0",
    ],
)
def test_parameter_bombs_are_refused_before_any_work(
    parameters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored hash cannot ask for more memory, time or lanes than the ceilings."""
    monkeypatch.setattr("secureacct.passwords.arenas.derive", _must_not_run)
    bomb = f"$argon2id$v=19${parameters}$c2FsdHNhbHRzYWx0c2E$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhcw"
    assert PasswordHasher(importing=True).verify(PASSWORD, bomb) is False


@pytest.mark.parametrize("encoded", [None, b"$argon2id$", 5])
def test_a_stored_value_that_is_no_text_is_false(encoded: object) -> None:
    """A NULL or a binary column never raises."""
    assert CHEAP.verify(PASSWORD, encoded) is False  # type: ignore[arg-type]


def test_weak_argon2_verifies_only_while_importing_and_is_replaced() -> None:
    """Below the floor: False, unless the flag says that a table is moving in, and then a new hash."""
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    assert not PasswordHasher().verify(PASSWORD, weak)
    ok, replacement = PasswordHasher(profiles.FLOOR, importing=True).verify_and_update(PASSWORD, weak)
    assert ok
    assert replacement is not None
    assert replacement.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_another_profile_is_replaced_at_the_next_check() -> None:
    """A right password gives a hash of the current profile; a wrong one gives nothing."""
    old = PasswordHasher(profiles.FLOOR).hash(PASSWORD)
    hasher = PasswordHasher(profiles.ONE_PASS)
    assert hasher.needs_update(old)
    ok, replacement = hasher.verify_and_update(PASSWORD, old)
    assert ok
    assert replacement is not None
    assert not hasher.needs_update(replacement)
    assert hasher.verify_and_update(PASSWORD, replacement) == (True, None)
    assert hasher.verify_and_update("wrong", old) == (False, None)


def test_the_fips_profile_makes_pbkdf2_and_moves_both_ways() -> None:
    """PBKDF2-HMAC-SHA-256 with 600,000 rounds, verified by hashlib alone, replaced by Argon2id and back."""
    fips = PasswordHasher(profiles.FIPS)
    encoded = fips.hash(PASSWORD)
    assert encoded.startswith("$pbkdf2-sha256$600000$")
    assert fips.verify_and_update(PASSWORD, encoded) == (True, None)
    ok, replacement = PasswordHasher(profiles.FLOOR).verify_and_update(PASSWORD, encoded)
    assert ok
    assert replacement is not None
    assert replacement.startswith("$argon2id$")
    ok, replacement = fips.verify_and_update(PASSWORD, replacement)
    assert ok
    assert replacement is not None
    assert replacement.startswith("$pbkdf2-sha256$600000$")


def test_profiles_below_the_floor_cannot_be_made() -> None:
    """19 MiB with two passes or 46 MiB with one is the least; salt and tag have their length."""
    for memory, passes in ((19455, 2), (47103, 1), (8, 50)):
        with pytest.raises(WeakProfile):
            profiles.Argon2Profile("weak", memory_kib=memory, passes=passes, lanes=1)
    with pytest.raises(WeakProfile):
        profiles.Argon2Profile("weak", memory_kib=65536, passes=3, lanes=4, tag_bytes=16)
    with pytest.raises(WeakProfile):
        profiles.Argon2Profile("weak", memory_kib=65536, passes=3, lanes=4, salt_bytes=8)
    with pytest.raises(WeakProfile):
        profiles.Pbkdf2Profile("weak", rounds=599_999)


def test_the_test_profile_refuses_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECUREACCT_ENV=production stops it when it is made and when it is used."""
    made_before = PasswordHasher(profiles.CHEAPEST)
    monkeypatch.setenv("SECUREACCT_ENV", "Production ")
    with pytest.raises(WeakProfile):
        PasswordHasher(profiles.CHEAPEST)
    with pytest.raises(WeakProfile):
        made_before.hash(PASSWORD)


def test_a_hash_of_the_test_profile_is_weak_for_every_other_hasher() -> None:
    """A database copied from a test system lets nobody in."""
    assert not PasswordHasher().verify(PASSWORD, CHEAP.hash(PASSWORD))


def test_checking_against_nothing_does_the_work_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown account and wrong password derive the same number of tags with the same parameters."""
    from secureacct.passwords import arenas

    asked: list[tuple[object, ...]] = []
    real = arenas.derive

    def counted(password: bytes, salt: bytes, **kwargs: object) -> bytes:
        asked.append(tuple(kwargs[name] for name in ("kind", "memory_kib", "passes", "lanes", "tag_bytes")))
        return real(password, salt, **kwargs)  # type: ignore[arg-type]

    encoded = CHEAP.hash(PASSWORD)
    monkeypatch.setattr(arenas, "derive", counted)
    assert not CHEAP.verify("wrong", encoded)
    known, asked[:] = list(asked), []
    CHEAP.verify_nothing("wrong")
    assert known == asked == [("id", 8, 1, 1, 32)]


def test_while_a_table_moves_every_check_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sample of the old hashes: unknown, moved and not yet moved accounts all spend both costs."""
    from secureacct.passwords import arenas

    old = "pbkdf2_sha256$1000$someSalt12$" + "A" * 43 + "="
    hasher = PasswordHasher(profiles.CHEAPEST, importing=True, alongside=old)
    moved = hasher.hash(PASSWORD)
    spent: list[str] = []
    real_derive = arenas.derive

    def derive(*args: object, **kwargs: object) -> bytes:
        spent.append("argon2")
        return real_derive(*args, **kwargs)  # type: ignore[arg-type]

    def pbkdf2(*_: object) -> bytes:
        spent.append("pbkdf2")
        return bytes(32)[:1] + b"\1" * 31

    monkeypatch.setattr(arenas, "derive", derive)
    monkeypatch.setattr("secureacct.passwords.foreign.pbkdf2.hashlib.pbkdf2_hmac", pbkdf2)
    seen = []
    for check in (
        lambda: hasher.verify("wrong", old),
        lambda: hasher.verify("wrong", moved),
        lambda: hasher.verify_nothing("wrong"),
    ):
        spent.clear()
        check()
        seen.append(sorted(spent))
    assert seen == [["argon2", "pbkdf2"]] * 3


def test_a_sample_that_cannot_be_read_stops_the_start() -> None:
    """A typing error in alongside= would leave times unequal, so it is refused."""
    with pytest.raises(ConfigurationError):
        PasswordHasher(alongside="not a hash")


def test_no_secret_is_in_a_repr() -> None:
    """The repr names the profile and whether there is a pepper, nothing else."""
    assert repr(PasswordHasher()) == "PasswordHasher(rfc9106-second, pepper=off)"


def test_errors_survive_a_trip_between_processes() -> None:
    """A typed error can be pickled, as task queues do."""
    with pytest.raises(PasswordEmpty) as caught:
        CHEAP.hash("")
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), PasswordEmpty)


def test_a_hasher_without_foreign_schemes_reads_its_own_hashes() -> None:
    """Also under the FIPS profile, whose form is that of a foreign scheme."""
    for profile in (profiles.FIPS, profiles.FLOOR):
        hasher = PasswordHasher(profile, foreign=())
        assert hasher.verify_and_update(PASSWORD, hasher.hash(PASSWORD)) == (True, None)
