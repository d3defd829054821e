"""CSRF tokens: whose form it was."""

from __future__ import annotations

import pytest

from secureacct._bytes import b64url, b64url_strict
from secureacct.csrf import (
    TOKEN_CHARS,
    CsrfFailed,
    CsrfTokens,
    is_presession,
    presession_value,
    to_presession,
    to_session,
)
from secureacct.errors import ConfigurationError, Rejected
from secureacct.keys import Keyring

PRE = to_presession(presession_value(bytes(range(32))))


@pytest.fixture
def keys() -> Keyring:
    """A fresh keyring."""
    return Keyring.generate()


@pytest.fixture
def csrf(keys: Keyring) -> CsrfTokens:
    """Tokens under it."""
    return CsrfTokens(keys)


def test_a_token_is_good_for_what_it_is_tied_to(csrf: CsrfTokens) -> None:
    """Before sign-in and after it, the own token passes."""
    csrf.check(csrf.issue(PRE), PRE)
    csrf.check(csrf.issue(to_session("s1")), to_session("s1"))


def test_a_token_is_good_for_nothing_else(csrf: CsrfTokens) -> None:
    """Another browser's, another session's, and the one from before sign-in are refused."""
    token = csrf.issue(to_session("s1"))
    others = (to_session("s2"), to_presession("s1"), PRE, None)
    for other in others:
        with pytest.raises(CsrfFailed):
            csrf.check(token, other)


def test_kind_and_value_never_run_into_each_other(csrf: CsrfTokens) -> None:
    """``pre`` with the rest of a word is not ``session``."""
    with pytest.raises(CsrfFailed):
        csrf.check(csrf.issue(to_presession("session1")), to_session("1"))


def test_every_response_has_another_token(csrf: CsrfTokens) -> None:
    """Two tokens of one binding share only version and key id, and both are good."""
    one, two = csrf.issue(PRE), csrf.issue(PRE)
    a, b = b64url_strict(one) or b"", b64url_strict(two) or b""
    assert a[:5] == b[:5]
    assert a[5:37] != b[5:37]
    assert a[37:] != b[37:]
    csrf.check(one, PRE)
    csrf.check(two, PRE)
    assert len(one) == TOKEN_CHARS


def test_the_mac_itself_is_never_sent(csrf: CsrfTokens) -> None:
    """With a mask of zeros the MAC shows; with any other it does not."""
    bare = (b64url_strict(csrf.issue(PRE, mask=bytes(32))) or b"")[37:]
    assert bare not in (b64url_strict(csrf.issue(PRE)) or b"")


def test_every_single_bit_matters(csrf: CsrfTokens) -> None:
    """Changing any one bit of the token makes it bad."""
    data = b64url_strict(csrf.issue(PRE)) or b""
    for at in range(len(data) * 8):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(CsrfFailed):
            csrf.check(b64url(bytes(changed)), PRE)


@pytest.mark.parametrize(
    "junk", [None, "", "A", "A" * 92, "é" * 92, "\ud800" * 92, "A" * 91 + "=", "A" * 1_000_000]
)
def test_junk_is_refused(csrf: CsrfTokens, junk: str | None) -> None:
    """Whatever is sent, the answer is CsrfFailed."""
    with pytest.raises(CsrfFailed):
        csrf.check(junk, PRE)


def test_another_keyring_is_refused(csrf: CsrfTokens) -> None:
    """A token of another installation is refused."""
    with pytest.raises(CsrfFailed):
        csrf.check(CsrfTokens(Keyring.generate()).issue(PRE), PRE)


def test_open_forms_survive_a_rotation(keys: Keyring, csrf: CsrfTokens) -> None:
    """A form opened before a rotation can be sent after it, until the key is held back."""
    token = csrf.issue(PRE)
    first = keys.primary("csrf")
    keys.rotate("csrf")
    csrf.check(token, PRE)
    newer = b64url_strict(csrf.issue(PRE)) or b""
    assert newer[1:5] == keys.primary("csrf").to_bytes(4, "big") != first.to_bytes(4, "big")
    keys.disable("csrf", first)
    with pytest.raises(CsrfFailed):
        csrf.check(token, PRE)


def test_nothing_empty_is_a_binding() -> None:
    """A token tied to an empty value would be everybody's."""
    for make in (to_presession, to_session):
        with pytest.raises(ConfigurationError):
            make("")


def test_a_presession_has_one_shape() -> None:
    """43 characters of base64url, and nothing else, is a presession."""
    value = presession_value(bytes(range(32)))
    assert is_presession(value)
    for other in (None, "", value[:-1], value + "A", value[:-1] + "=", value[:-1] + "9", "é" * 43, "*" * 43):
        assert not is_presession(other)
    with pytest.raises(ConfigurationError):
        presession_value(bytes(31))


def test_the_error_is_what_the_pages_answer() -> None:
    """403 and ``csrf_failed``."""
    assert issubclass(CsrfFailed, Rejected)
    assert (CsrfFailed.code, CsrfFailed.http_status_hint) == ("csrf_failed", 403)


def test_the_binding_is_in_no_repr() -> None:
    """A presession's value is a secret."""
    assert PRE.value not in repr(PRE)
