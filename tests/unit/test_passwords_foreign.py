"""Hashes of other libraries, against strings that those libraries made."""

from __future__ import annotations

import base64
import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from secureacct.errors import MissingExtra
from secureacct.passwords import PasswordHasher, foreign, profiles, reading
from secureacct.passwords.wrapping import outlook, wrap

DATA = json.loads((Path(__file__).parent.parent / "vectors" / "password_hashes.json").read_text("utf-8"))
VECTORS: list[dict[str, str]] = DATA["vectors"]
IMPORTING = PasswordHasher(profiles.CHEAPEST, importing=True)
STRICT = PasswordHasher(profiles.CHEAPEST)

SCHEMES = {
    "argon2d", "argon2i", "argon2id", "bcrypt-2a", "bcrypt-2b", "bcrypt-2x", "bcrypt-2y",
    "django-bcrypt-sha256", "django-pbkdf2-sha1", "django-pbkdf2-sha256", "django-salted-md5",
    "django-salted-sha1", "django-scrypt", "passlib-bcrypt-sha256-v1", "passlib-bcrypt-sha256-v2",
    "passlib-pbkdf2-sha1", "passlib-pbkdf2-sha256", "passlib-pbkdf2-sha512", "passlib-scrypt", "phpass",
    "sha256-crypt", "sha512-crypt", "werkzeug-pbkdf2-sha1", "werkzeug-pbkdf2-sha256",
    "werkzeug-pbkdf2-sha512", "werkzeug-scrypt", "wordpress-bcrypt",
}  # fmt: skip


def _name(vector: dict[str, str]) -> str:
    return f"{vector['scheme']}-{len(vector.get('password', ''))}"


def test_there_is_a_vector_of_the_original_library_for_every_scheme() -> None:
    """No scheme is claimed that was never seen from its own library."""
    assert {each["scheme"] for each in VECTORS} == SCHEMES


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_the_right_password_verifies_and_another_does_not(vector: dict[str, str]) -> None:
    """Each string is read as its own scheme, and is replaced by ours at the first sign-in."""
    password, stored = vector["password"], vector["stored"]
    found = reading.read(stored, profile=profiles.DEFAULT, schemes=foreign.ALL)
    assert found is not None
    assert found.scheme == vector["scheme"]
    ok, replacement = IMPORTING.verify_and_update(password, stored)
    assert ok
    assert replacement is not None
    assert replacement.startswith("$argon2id$")
    assert IMPORTING.verify(password, replacement)
    assert IMPORTING.verify_and_update("Q" + password, stored) == (False, None)


@pytest.mark.parametrize(
    "vector", [each for each in VECTORS if each["scheme"] != "wordpress-bcrypt"], ids=_name
)
def test_cheap_hashes_need_the_import_flag(vector: dict[str, str]) -> None:
    """Every vector but WordPress's was made with a small cost, so none verifies without the flag."""
    assert not STRICT.verify(vector["password"], vector["stored"])


@pytest.mark.parametrize("vector", DATA["raw_bytes"], ids=lambda v: v["password_base64"])
def test_bytes_above_0x7f_as_each_bcrypt_variant_took_them(vector: dict[str, str]) -> None:
    """crypt_blowfish's own answers: 2x has the old fault, 2y has not."""
    found = foreign.read(vector["stored"])
    assert found is not None
    assert found.derive(base64.b64decode(vector["password_base64"])) == found.digest


@pytest.mark.parametrize(
    "vector", DATA["flask_security"], ids=lambda v: f"{v['scheme']}-{len(v['password'])}"
)
def test_flask_securitys_double_hash(vector: dict[str, str]) -> None:
    """With the table's SECURITY_PASSWORD_SALT it verifies; without it, or with another, it does not."""
    hasher = PasswordHasher(profiles.CHEAPEST, importing=True, flask_security_salt=vector["salt"])
    ok, replacement = hasher.verify_and_update(vector["password"], vector["stored"])
    assert ok
    # Argon2 of another library looks like ours; it is replaced because its parameters differ.
    assert replacement is not None
    assert hasher.verify(vector["password"], replacement)
    assert not hasher.verify("wrong", vector["stored"])
    assert not IMPORTING.verify(vector["password"], vector["stored"])
    other = PasswordHasher(profiles.CHEAPEST, importing=True, flask_security_salt="another")
    assert not other.verify(vector["password"], vector["stored"])


def test_strong_foreign_hashes_need_no_flag() -> None:
    """At today's floor a bcrypt hash of another system is accepted, and replaced."""
    import bcrypt

    stored = bcrypt.hashpw(b"correct horse battery staple", bcrypt.gensalt(10)).decode()
    ok, replacement = STRICT.verify_and_update("correct horse battery staple", stored)
    assert ok
    assert replacement is not None


def test_bcrypt_reads_72_bytes_as_the_old_library_did() -> None:
    """A long password that bcrypt cut verifies, and after the replacement every character counts."""
    import bcrypt

    password = "a" * 72 + "the rest never counted"
    stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    ok, replacement = IMPORTING.verify_and_update(password, stored)
    assert ok
    assert replacement is not None
    assert not IMPORTING.verify("a" * 72 + "something else", replacement)


def test_a_password_that_was_hashed_as_typed_verifies_while_importing() -> None:
    """An old system that never normalised stored NFD; typed the same way it is still right."""
    import bcrypt

    decomposed = "pa\u0308sswo\u0308rd of old times"
    stored = bcrypt.hashpw(decomposed.encode(), bcrypt.gensalt(4)).decode()
    assert IMPORTING.verify(decomposed, stored)


def test_the_bcrypt_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of bcrypt hashes without the package is a set-up error, never a wrong password."""
    real = builtins.__import__

    def without_bcrypt(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "bcrypt":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_bcrypt)
    stored = next(each["stored"] for each in VECTORS if each["scheme"] == "bcrypt-2b")
    with pytest.raises(MissingExtra, match=r"secureacct\[bcrypt\]"):
        IMPORTING.verify("correct horse battery staple", stored)


@pytest.mark.parametrize(
    "bomb",
    [
        "$2b$31$" + "a" * 53,
        "$2b$16$" + "a" * 53,
        "$2b$03$" + "a" * 53,
        "$2b$99$" + "a" * 53,
        "$bcrypt-sha256$v=2,t=2b,r=31$" + "a" * 22 + "$" + "a" * 31,
        "pbkdf2_sha256$99999999$salt$" + "A" * 43 + "=",
        "pbkdf2_sha256$5000001$salt$" + "A" * 43 + "=",
        "pbkdf2:sha256:99999999$salt$" + "0" * 64,
        "$pbkdf2-sha512$99999999$c2FsdA$" + "A" * 86,
        "scrypt:1048576:64:16$salt$" + "0" * 128,
        "scrypt:32769:8:1$salt$" + "0" * 128,
        "scrypt:0:0:0$salt$" + "0" * 128,
        "scrypt$4194304$salt$8$1$" + "A" * 86 + "==",
        "$scrypt$ln=63,r=8,p=1$c2FsdA$" + "A" * 43,
        "$scrypt$ln=17,r=8,p=99$c2FsdA$" + "A" * 43,
        "$6$rounds=999999999$salt$" + "." * 86,
        "$6$rounds=1000001$salt$" + "." * 86,
        "$5$rounds=999$salt$" + "." * 43,
        "$P$z12345678" + "." * 22,
        "$P$R12345678" + "." * 22,
    ],
)
def test_ceilings_hold_for_every_foreign_scheme(bomb: str) -> None:
    """Costs above a ceiling are unreadable, so they take no time and no memory."""
    assert foreign.read(bomb) is None
    assert not IMPORTING.verify("x", bomb)


def test_nothing_here_makes_a_foreign_hash() -> None:
    """A scheme has one verb, and it reads."""
    for scheme in foreign.ALL:
        assert [name for name in dir(scheme) if not name.startswith("_")] == ["prefixes", "read"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if not v["scheme"].startswith("argon2")], ids=_name)
def test_a_wrapped_hash_holds_no_old_digest_and_verifies(vector: dict[str, str]) -> None:
    """Before anybody signs in: Argon2id over the old digest; after the first sign-in: a plain hash."""
    stored = vector["stored"]
    assert outlook(IMPORTING, stored) == "wrapped"
    wrapped = wrap(IMPORTING, stored).stored
    assert wrapped is not None
    digest = foreign.read(stored)
    assert digest is not None
    assert digest.digest.hex() not in wrapped
    assert stored[-20:] not in base64.urlsafe_b64decode(wrapped.split("$")[3] + "==").decode()
    # CHEAPEST is current for this hasher, so the outer hash counts as being of its profile.
    ok, replacement = STRICT.verify_and_update(vector["password"], wrapped)
    assert ok
    assert replacement is not None
    assert replacement.startswith("$argon2id$")
    assert not STRICT.verify("Q" + vector["password"], wrapped)


def test_wrapping_twice_changes_nothing() -> None:
    """What is wrapped, native or peppered is kept; what is no hash is left alone and said."""
    stored = wrap(IMPORTING, VECTORS[0]["stored"]).stored
    assert stored is not None
    assert wrap(IMPORTING, stored).outcome == "kept"
    assert wrap(IMPORTING, stored).stored is None
    assert wrap(IMPORTING, IMPORTING.hash("some password")).outcome == "kept"
    assert wrap(IMPORTING, "no hash at all").outcome == "unreadable"
    assert wrap(IMPORTING, "no hash at all").stored is None


def test_an_app_can_add_a_scheme_of_its_own() -> None:
    """A registry is a tuple: a scheme reads, and the hasher checks and replaces."""
    import hashlib

    class House:
        prefixes = ("house:",)

        def read(self, stored: str) -> foreign.StoredHash | None:
            digest = bytes.fromhex(stored.removeprefix("house:"))
            return foreign.StoredHash(
                "house",
                digest,
                lambda p: hashlib.sha256(b"house" + p).digest(),
                below_floor=True,
                blank=stored,
            )

    stored = "house:" + hashlib.sha256(b"house" + b"a password").hexdigest()
    hasher = PasswordHasher(profiles.CHEAPEST, importing=True, foreign=(*foreign.ALL, House()))
    assert hasher.verify_and_update("a password", stored)[0]
    assert not hasher.verify("another", stored)


@pytest.mark.parametrize("maker", ["werkzeug", "django"])
def test_fresh_hashes_of_the_libraries_that_are_installed(maker: str) -> None:
    """Whatever version is installed today, its default hash is read (or said to be too cheap)."""
    if maker == "werkzeug":
        security = pytest.importorskip("werkzeug.security")
        stored = security.generate_password_hash("fresh password")
    else:
        pytest.importorskip("django")
        from django.contrib.auth.hashers import PBKDF2PasswordHasher

        made = PBKDF2PasswordHasher()
        stored = made.encode("fresh password", "someSaltOfDjango")
    assert IMPORTING.verify("fresh password", stored)
    assert not IMPORTING.verify("another password", stored)
