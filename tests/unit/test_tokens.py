"""Signed tokens: what was signed is read, and nothing else is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from secureacct import tokens
from secureacct._bytes import b64url, b64url_strict
from secureacct.errors import ConfigurationError, InvalidInput, SecureAcctError
from secureacct.keys import Keyring, file_format
from secureacct.tokens import BadToken, SignedTokens, TokenError, TokenExpired

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "signed_token.json").read_text())
NOW = 1_750_000_000


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return float(self.now)


@pytest.fixture
def keys() -> Keyring:
    """A fresh keyring."""
    return Keyring.generate()


@pytest.fixture
def clock() -> Clock:
    """A clock to move by hand."""
    return Clock()


@pytest.fixture
def reset(keys: Keyring, clock: Clock) -> SignedTokens:
    """Tokens of one purpose, good for an hour."""
    return SignedTokens(keys, purpose="password-reset", max_age=timedelta(hours=1), clock=clock)


def flipped(token: str, byte: int, bit: int = 0) -> str:
    """The token with one bit changed, spelled the right way."""
    data = bytearray(b64url_strict(token) or b"")
    data[byte] ^= 1 << bit
    return b64url(bytes(data))


@pytest.mark.parametrize("vector", VECTORS["good"], ids=lambda vector: vector["why"])
def test_known_answers(vector: dict[str, str | int]) -> None:
    """Root key, key id, purpose, time, subject and state give exactly this token, which verifies."""
    prk = file_format.prk("tokens", bytes.fromhex(str(vector["root"])))
    mac_key = file_format.expand(prk, tokens.mac_info(str(vector["purpose"])), 32)
    assert mac_key.hex() == vector["mac_key"]
    subject, state = str(vector["subject"]).encode(), str(vector["state"]).encode()
    made = tokens.encode(
        mac_key=mac_key,
        key_id=int(vector["key_id"]),
        issued_at=int(vector["issued_at"]),
        subject=subject,
        state=state,
    )
    assert made == vector["token"]
    body = tokens.decode(made)
    assert body is not None
    assert (body.key_id, body.issued_at, body.subject) == (vector["key_id"], vector["issued_at"], subject)
    assert tokens.verified(body, mac_key=mac_key, state=state)


@pytest.mark.parametrize("vector", VECTORS["bad"], ids=lambda vector: vector["why"])
def test_known_refusals(vector: dict[str, str]) -> None:
    """Each bad token is refused, although the good one beside it verifies with the same key."""
    body = tokens.decode(vector["token"])
    key = bytes.fromhex(vector["mac_key"])
    assert body is None or not tokens.verified(body, mac_key=key, state=vector["state"].encode())


def test_what_was_issued_is_read(reset: SignedTokens) -> None:
    """Subject and times come back; the token has nothing of the state in it."""
    token = reset.issue("42", state="secret-state")
    read = reset.read(token, state="secret-state")
    assert (read.subject, read.issued_at, read.expires_at) == ("42", NOW, NOW + 3600)
    assert b"secret-state" not in (b64url_strict(token) or b"")


def test_another_state_is_a_bad_token(reset: SignedTokens) -> None:
    """What the token relied on has changed: it is as bad as a forged one."""
    token = reset.issue("42", state="v1")
    for state in ("v2", "", "v1 ", "V1"):
        with pytest.raises(BadToken):
            reset.read(token, state=state)


def test_subject_and_state_never_run_into_each_other(reset: SignedTokens) -> None:
    """Moving a character from the subject to the state makes another token."""
    with pytest.raises(BadToken):
        moved = reset.issue("4", state="2")
        data = b64url_strict(moved) or b""
        reset.read(b64url(data[:-32] + b"2" + data[-32:]), state="")


def test_one_purpose_is_noise_to_another(keys: Keyring, reset: SignedTokens, clock: Clock) -> None:
    """A token for one purpose is a bad token for every other."""
    verify = SignedTokens(keys, purpose="verify-email", max_age=timedelta(hours=1), clock=clock)
    with pytest.raises(BadToken):
        verify.read(reset.issue("42"))


def test_another_keyring_is_noise_too(reset: SignedTokens, clock: Clock) -> None:
    """A token of another installation is a bad token, although the key ids are the same."""
    elsewhere = Keyring.generate()
    other = SignedTokens(elsewhere, purpose="password-reset", max_age=timedelta(hours=1), clock=clock)
    with pytest.raises(BadToken):
        reset.read(other.issue("42"))


def test_it_ends_when_our_clock_says_so(reset: SignedTokens, clock: Clock) -> None:
    """The last second is good, the next is not."""
    token = reset.issue("42")
    clock.now = NOW + 3599
    assert reset.read(token).subject == "42"
    clock.now = NOW + 3600
    with pytest.raises(TokenExpired):
        reset.read(token)


def test_a_token_from_the_future_is_refused(reset: SignedTokens, clock: Clock) -> None:
    """A clock that went back does not make tokens live longer than a minute more."""
    token = reset.issue("42")
    clock.now = NOW - 60
    assert reset.read(token).subject == "42"
    clock.now = NOW - 61
    with pytest.raises(BadToken):
        reset.read(token)


def test_an_old_forged_token_is_bad_not_expired(reset: SignedTokens, clock: Clock) -> None:
    """Age is only told of tokens that were ours."""
    token = reset.issue("42")
    clock.now = NOW + 9999
    with pytest.raises(BadToken):
        reset.read(flipped(token, -1))


def test_every_single_bit_matters(reset: SignedTokens) -> None:
    """Changing any one bit of the token makes it bad."""
    token = reset.issue("42", state="s")
    size = len(b64url_strict(token) or b"")
    for byte in range(size):
        for bit in range(8):
            with pytest.raises(BadToken):
                reset.read(flipped(token, byte, bit), state="s")


def test_only_one_spelling(reset: SignedTokens) -> None:
    """Padding, white space, the other alphabet and spare bits make a bad token."""
    token = reset.issue("4")
    others = (token + "=", token + "\n", " " + token, token.replace("_", "/"), token + "A", token[:-1])
    for spelling in others:
        if spelling != token:
            with pytest.raises(BadToken):
                reset.read(spelling)


@pytest.mark.parametrize("junk", ["", "A", "AQ", "é", "\ud800", "\x00", "A" * 401, "A" * 10_000_000])
def test_junk_is_a_bad_token(reset: SignedTokens, junk: str) -> None:
    """Whatever is sent, the answer is BadToken."""
    with pytest.raises(BadToken):
        reset.read(junk)


def test_rotation_keeps_old_tokens_until_their_key_goes(keys: Keyring, reset: SignedTokens) -> None:
    """After a rotation old tokens verify and new ones use the new key; a destroyed key ends its tokens."""
    old = reset.issue("42")
    first = keys.primary("tokens")
    keys.rotate("tokens")
    new = reset.issue("42")
    assert reset.read(old).key_id == first
    assert reset.read(new).key_id == keys.primary("tokens") != first
    keys.disable("tokens", first)
    with pytest.raises(BadToken):
        reset.read(old)
    keys.enable("tokens", first)
    keys.destroy("tokens", first, force=True)
    with pytest.raises(BadToken):
        reset.read(old)
    assert reset.read(new).subject == "42"


@pytest.mark.parametrize("subject", ["", "x" * 256, "é" * 128, "\ud800"])
def test_a_subject_that_does_not_fit_is_refused(reset: SignedTokens, subject: str) -> None:
    """A subject is 1 to 255 bytes of text."""
    with pytest.raises(InvalidInput):
        reset.issue(subject)


def test_the_longest_subject_still_fits(reset: SignedTokens) -> None:
    """255 bytes of subject make a token that is read."""
    token = reset.issue("x" * 255)
    assert len(token) <= tokens.MAX_TOKEN_CHARS
    assert reset.read(token).subject == "x" * 255


@pytest.mark.parametrize("purpose", ["", "Reset", "a_b", "a b", "-a", "a-", "x" * 65, "é", "a\n"])
def test_a_purpose_is_plain_words(keys: Keyring, purpose: str) -> None:
    """Purposes that could be mistaken for one another are refused."""
    with pytest.raises(ConfigurationError):
        SignedTokens(keys, purpose=purpose, max_age=timedelta(hours=1))


@pytest.mark.parametrize("age", [timedelta(0), timedelta(seconds=-1), timedelta(days=3651)])
def test_an_age_is_a_real_one(keys: Keyring, age: timedelta) -> None:
    """A token lives longer than nothing and not for ever."""
    with pytest.raises(ConfigurationError):
        SignedTokens(keys, purpose="x", max_age=age)


def test_errors_stand_under_one_root_and_have_codes() -> None:
    """Both causes are TokenErrors, 410, with the codes that the pages use."""
    for error, code in ((BadToken, "bad_token"), (TokenExpired, "token_expired")):
        assert issubclass(error, TokenError)
        assert issubclass(error, SecureAcctError)
        assert (error.code, error.http_status_hint) == (code, 410)


def test_nothing_secret_in_a_repr_or_message(reset: SignedTokens) -> None:
    """Neither the token nor the state is repeated by an error or a repr."""
    token = reset.issue("42", state="st4te")
    body = tokens.decode(token)
    with pytest.raises(BadToken) as caught:
        reset.read(token, state="other-st4te")
    for text in (str(caught.value), repr(reset), repr(body)):
        assert token not in text
        assert "st4te" not in text
