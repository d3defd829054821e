"""What every store of second factors promises, whichever kind it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureacct.errors import InvalidInput
from secureacct.records.challenges import ClaimChallenge
from secureacct.records.changes import Lost
from secureacct.records.factors import (
    AddPasskey,
    AddTotp,
    ClaimRecoveryCode,
    ClaimTotpStep,
    ConfirmTotp,
    DisableTotp,
    EraseFactors,
    Factors,
    HoldFactors,
    RemoveEveryFactor,
    RemovePasskey,
    RemoveTotp,
    RenamePasskey,
    RenameTotp,
    ReplaceRecoveryCodes,
    SetUserHandle,
    UpdatePasskeyUse,
)
from tests.factor_kit import KINDS, NOW, Held, handle_of, opened, passkey, totp


@pytest.fixture(params=KINDS)
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    """A store of each kind in turn."""
    database = request.getfixturevalue("pg_database") if request.param.startswith("pg") else None
    with opened(request.param, tmp_path, database) as store:
        yield store


def test_an_account_without_factors_has_an_empty_record(held: Held) -> None:
    """Nothing is a record too, and it says that there is no second factor."""
    assert held.of("a") == Factors(account_id="a")
    assert not held.of("a").any


def test_a_set_that_changed_is_no_longer_held(held: Held) -> None:
    """A decision on what an account holds stands only while it holds just that; no record is version 0."""
    assert held.won(HoldFactors(account_id="a", version=0))
    assert not held.won(HoldFactors(account_id="a", version=1))
    held.commit(AddTotp(factor=totp()))
    version = held.of("a").version
    assert held.won(HoldFactors(account_id="a", version=version))
    assert held.of("a").version == version
    assert not held.won(HoldFactors(account_id="a", version=0))
    assert held.won(HoldFactors(account_id="b", version=0))


def test_everything_comes_back_as_it_was_put(held: Held) -> None:
    """Authenticators, passkeys, codes and the user handle are read as one record, oldest first."""
    held.give_handle("a")
    apps = [totp("t2", created_at=NOW + 1), totp("t1", confirmed_at=None, algorithm="SHA256", digits=8)]
    keys = [passkey("p2", created_at=NOW + 1, transports=()), passkey("p1", backup_eligible=True)]
    for app in apps:
        assert held.won(AddTotp(factor=app))
    for key in keys:
        assert held.won(AddPasskey(passkey=key))
    assert held.won(ReplaceRecoveryCodes(account_id="a", hashes=(b"1", b"2"), at=NOW))
    read = held.of("a")
    assert read.totp == (apps[1], apps[0])
    assert read.passkeys == (keys[1], keys[0])
    assert (read.recovery_codes_left, read.user_handle) == (2, handle_of("a"))
    assert read.usable_totp == (apps[0],)
    assert held.run(held.store.passkey_of_credential(keys[0].credential_id)) == keys[0]
    assert held.run(held.store.passkey_of_credential(b"unknown")) is None


# Authenticators


def test_an_enrolment_is_confirmed_once_and_in_time(held: Held) -> None:
    """Confirming uses the code's step up; it does not work twice, too late, or for another account."""
    held.commit(AddTotp(factor=totp(confirmed_at=None)))
    assert not held.of("a").any
    confirm = ConfirmTotp(id="t1", account_id="a", step=100, begun_since=NOW - 600, at=NOW + 5)
    assert not held.won(dataclasses.replace(confirm, account_id="b"))
    assert not held.won(dataclasses.replace(confirm, begun_since=NOW + 1))
    assert held.won(confirm)
    (app,) = held.of("a").totp
    assert (app.confirmed_at, app.last_step, app.usable) == (NOW + 5, 100, True)
    assert not held.won(confirm)
    assert not held.won(ClaimTotpStep(id="t1", account_id="a", step=100, at=NOW))


def test_a_step_is_used_up_strictly_upwards(held: Held) -> None:
    """The same step, or one before it, is lost; also when the clock has gone back."""
    held.commit(AddTotp(factor=totp()))
    claim = ClaimTotpStep(id="t1", account_id="a", step=100, at=NOW)
    assert held.won(claim)
    assert not held.won(claim)
    assert not held.won(dataclasses.replace(claim, step=99))
    assert held.won(dataclasses.replace(claim, step=101, at=NOW - 3600))
    assert held.of("a").totp[0].last_step == 101


def test_a_step_belongs_to_one_account_and_one_authenticator(held: Held) -> None:
    """Two authenticators keep their own steps, and another account's id does nothing."""
    held.commit(AddTotp(factor=totp("t1")))
    held.commit(AddTotp(factor=totp("t2")))
    assert not held.won(ClaimTotpStep(id="t1", account_id="b", step=100, at=NOW))
    assert held.won(ClaimTotpStep(id="t1", account_id="a", step=100, at=NOW))
    assert held.won(ClaimTotpStep(id="t2", account_id="a", step=100, at=NOW))


def test_an_authenticator_that_is_not_usable_answers_for_nobody(held: Held) -> None:
    """Unconfirmed or disabled, its steps are lost; disabling works once."""
    held.commit(AddTotp(factor=totp("t1", confirmed_at=None)))
    held.commit(AddTotp(factor=totp("t2")))
    assert not held.won(ClaimTotpStep(id="t1", account_id="a", step=1, at=NOW))
    assert not held.won(DisableTotp(id="t1", account_id="a", at=NOW))
    assert held.won(DisableTotp(id="t2", account_id="a", at=NOW))
    assert not held.won(DisableTotp(id="t2", account_id="a", at=NOW))
    assert not held.won(ClaimTotpStep(id="t2", account_id="a", step=1, at=NOW))
    assert not held.of("a").any


def test_authenticators_are_bounded(held: Held) -> None:
    """One more than allowed is lost, and an id cannot be taken twice."""
    assert held.won(AddTotp(factor=totp("t1"), at_most=2))
    assert not held.won(AddTotp(factor=totp("t1"), at_most=2))
    assert held.won(AddTotp(factor=totp("t2"), at_most=2))
    assert not held.won(AddTotp(factor=totp("t3"), at_most=2))
    assert held.won(AddTotp(factor=totp("t3", "b"), at_most=2))


def test_renaming(held: Held) -> None:
    """Only the account itself renames what it has."""
    held.give_handle("a")
    held.commit(AddTotp(factor=totp()), AddPasskey(passkey=passkey()))
    assert not held.won(RenameTotp(id="t1", account_id="b", name="mine now"))
    assert not held.won(RenamePasskey(id="p1", account_id="b", name="mine now"))
    assert held.won(
        RenameTotp(id="t1", account_id="a", name="Öfter"), RenamePasskey(id="p1", account_id="a", name="☎")
    )
    read = held.of("a")
    assert (read.totp[0].name, read.passkeys[0].name) == ("Öfter", "☎")


# Removing


def test_removing_needs_the_version_it_was_decided_on(held: Held) -> None:
    """After anything was added or removed, an older decision to remove is lost."""
    held.commit(AddTotp(factor=totp("t1")))
    before = held.of("a").version
    held.commit(AddTotp(factor=totp("t2")))
    assert not held.won(RemoveTotp(id="t1", account_id="a", expected_version=before))
    assert len(held.of("a").totp) == 2
    now = held.of("a").version
    assert not held.won(RemoveTotp(id="t1", account_id="b", expected_version=now))
    assert held.won(RemoveTotp(id="t1", account_id="a", expected_version=now))
    assert not held.won(RemoveTotp(id="t2", account_id="a", expected_version=now))
    assert [app.id for app in held.of("a").totp] == ["t2"]


def test_a_lost_removal_leaves_the_version_alone(held: Held) -> None:
    """Removing what is not there is lost and undone as a whole."""
    held.give_handle("a")
    held.commit(AddTotp(factor=totp("t1")), AddPasskey(passkey=passkey()))
    before = held.of("a")
    lost = held.commit(RemoveTotp(id="unknown", account_id="a", expected_version=before.version))
    assert isinstance(lost, Lost)
    assert not held.won(RemovePasskey(id="unknown", account_id="a", expected_version=before.version))
    assert held.of("a") == before
    assert held.won(RemovePasskey(id="p1", account_id="a", expected_version=before.version))


def test_removing_everything_keeps_the_other_accounts(held: Held) -> None:
    """The end of recovery removes all of one account, and only of that."""
    for account in ("a", "b"):
        held.give_handle(account)
        held.commit(
            AddTotp(factor=totp(f"t-{account}", account)),
            AddPasskey(passkey=passkey(f"p-{account}", account)),
            ReplaceRecoveryCodes(account_id=account, hashes=(b"1",), at=NOW),
        )
    other, version = held.of("b"), held.of("a").version
    assert held.won(RemoveEveryFactor(account_id="a"))
    left = held.of("a")
    assert (left.totp, left.passkeys, left.recovery_codes_left) == ((), (), 0)
    assert left.user_handle == handle_of("a")
    assert left.version > version
    assert held.of("b") == other
    assert held.won(EraseFactors(account_id="a"))
    assert held.of("a") == Factors(account_id="a")
    assert held.won(EraseFactors(account_id="nobody"))
    assert held.of("b") == other


def test_only_what_was_added_since_goes(held: Held) -> None:
    """Undoing a change of address removes the factors that came after it."""
    held.give_handle("a")
    held.commit(AddTotp(factor=totp("t1")), AddTotp(factor=totp("t2", created_at=NOW + 100)))
    held.commit(AddTotp(factor=totp("t3", confirmed_at=NOW + 50)))  # begun before, confirmed after
    held.commit(AddPasskey(passkey=passkey("p1")), AddPasskey(passkey=passkey("p2", created_at=NOW + 50)))
    assert held.won(RemoveEveryFactor(account_id="a", added_since=NOW + 50))
    assert [app.id for app in held.of("a").totp] == ["t1"]
    assert [key.id for key in held.of("a").passkeys] == ["p1"]


# Passkeys


def test_a_user_handle_is_set_once(held: Held) -> None:
    """An account has one handle for ever, and a passkey with another one is lost."""
    assert not held.won(AddPasskey(passkey=passkey()))
    held.commit(AddTotp(factor=totp()))
    held.give_handle("a")
    assert not held.won(SetUserHandle(account_id="a", user_handle=b"x" * 64))
    assert held.of("a").user_handle == handle_of("a")
    assert not held.won(AddPasskey(passkey=passkey(user_handle=b"x" * 64)))
    assert held.won(AddPasskey(passkey=passkey()))


def test_a_credential_belongs_to_one_account(held: Held) -> None:
    """A credential id that is kept already cannot be registered again, by anybody."""
    held.give_handle("a")
    held.give_handle("b")
    assert held.won(AddPasskey(passkey=passkey("p1", "a")))
    thief = passkey("p2", "b", credential_id=passkey("p1").credential_id)
    assert not held.won(AddPasskey(passkey=thief))
    assert held.of("b").passkeys == ()


def test_passkeys_are_bounded(held: Held) -> None:
    """One more than allowed is lost."""
    held.give_handle("a")
    for number in range(3):
        assert held.won(AddPasskey(passkey=passkey(f"p{number}"), at_most=3))
    assert not held.won(AddPasskey(passkey=passkey("p3"), at_most=3))


def test_a_counter_goes_up_or_stays_zero(held: Held) -> None:
    """A count that does not go up is lost, unless both are zero or the passkey is a synced one."""
    held.give_handle("a")
    held.commit(AddPasskey(passkey=passkey()))
    key = passkey()
    use = UpdatePasskeyUse(
        credential_id=key.credential_id, account_id="a", sign_count=0, backed_up=False, at=NOW
    )
    assert held.won(use)
    assert held.won(use)
    assert held.won(dataclasses.replace(use, sign_count=5))
    for count in (5, 4, 0):
        assert not held.won(dataclasses.replace(use, sign_count=count))
    assert not held.won(dataclasses.replace(use, sign_count=6, account_id="b"))
    assert not held.won(dataclasses.replace(use, sign_count=6, credential_id=b"unknown"))
    synced = dataclasses.replace(use, sign_count=2, backed_up=True, allow_regression=True, at=NOW + 9)
    assert held.won(synced)
    (kept,) = held.of("a").passkeys
    assert (kept.sign_count, kept.backed_up, kept.last_used_at) == (2, True, NOW + 9)


# Recovery codes


def test_a_recovery_code_is_used_once(held: Held) -> None:
    """Whichever key it was hashed under, one code is used up once, and only by its account."""
    held.commit(ReplaceRecoveryCodes(account_id="a", hashes=(b"1", b"2", b"3"), at=NOW))
    assert not held.won(ClaimRecoveryCode(account_id="b", hashes=(b"1",)))
    assert not held.won(ClaimRecoveryCode(account_id="a", hashes=(b"unknown",)))
    assert not held.won(ClaimRecoveryCode(account_id="a", hashes=()))
    assert held.won(ClaimRecoveryCode(account_id="a", hashes=(b"old key", b"1")))
    assert not held.won(ClaimRecoveryCode(account_id="a", hashes=(b"old key", b"1")))
    assert held.of("a").recovery_codes_left == 2
    assert not held.of("a").any


def test_new_recovery_codes_replace_the_old(held: Held) -> None:
    """The old ones are dead, and none at all is possible too."""
    held.commit(ReplaceRecoveryCodes(account_id="a", hashes=(b"1", b"2"), at=NOW))
    held.commit(ReplaceRecoveryCodes(account_id="a", hashes=(b"3",), at=NOW))
    assert held.of("a").recovery_codes_left == 1
    assert not held.won(ClaimRecoveryCode(account_id="a", hashes=(b"1",)))
    assert held.won(ReplaceRecoveryCodes(account_id="a", hashes=(), at=NOW))
    assert held.of("a").recovery_codes_left == 0


def test_a_lost_claim_undoes_what_came_before_it(held: Held) -> None:
    """A step and a passkey in one commit with a claim that is lost leave no trace."""
    held.commit(AddTotp(factor=totp()))
    before = held.of("a")
    lost = held.commit(
        ClaimTotpStep(id="t1", account_id="a", step=7, at=NOW),
        ReplaceRecoveryCodes(account_id="a", hashes=(b"1",), at=NOW),
        ClaimRecoveryCode(account_id="a", hashes=(b"unknown",)),
    )
    assert lost == Lost(ClaimRecoveryCode(account_id="a", hashes=(b"unknown",)))
    assert held.of("a") == before


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "é" * 5000], ids=["NUL", "lone surrogate", "10 kB"])
def test_text_that_no_database_keeps_finds_nothing(held: Held, odd: str) -> None:
    """An id from a URL or a JSON body may hold anything: it is lost or refused as input, never a crash."""
    held.commit(AddTotp(factor=totp()))
    for change in (
        RenameTotp(id=odd, account_id="a", name="x"),
        RemovePasskey(id=odd, account_id="a", expected_version=1),
        ClaimChallenge(digest=b"d", purpose="confirm", binding=odd, now=NOW),
    ):
        with contextlib.suppress(InvalidInput):
            assert not held.won(change)
    with contextlib.suppress(InvalidInput):
        assert held.of(odd).totp == ()
    assert held.of("a").totp == (totp(),)
