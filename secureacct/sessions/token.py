"""The session token: 48 bytes as 64 characters, and the key it hashes to.

``version (1) | hour of the session's start (3) | account tag (12) | random (32)``, base64url.

Rule 1: 48 bytes fill 64 characters with no bit left over, so a token has one spelling.
Rule 2: the 32 random bytes are the secret (256 bits; ASVS 5 V7.2.3 asks for 128, NIST SP 800-63B-4
        section 5.1 for 64). The rest only says where to look, and is covered by the hash, so changing
        it finds nothing.
Rule 3: a store gets the key, which holds a hash of the whole token as it was spelled.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from binascii import Error, a2b_base64
from hashlib import sha256

from secureacct.errors import ConfigurationError
from secureacct.records.sessions import HASH_BYTES, HOUR_BYTES, HOUR_S, TAG_BYTES

VERSION = 1
SECRET_BYTES = 32  # 256 bits
TOKEN_BYTES = 1 + HOUR_BYTES + TAG_BYTES + SECRET_BYTES
TOKEN_CHARACTERS = TOKEN_BYTES // 3 * 4

_WHERE = slice(1, 1 + HOUR_BYTES + TAG_BYTES)
# "-" and "_" become what a2b_base64 reads; what it would read as well becomes what it skips, and then
# the length is wrong.
_ALPHABET = bytes.maketrans(b"-_+/=", b"+/!!!")


def account_tag(account_id: str) -> bytes:
    """Twelve bytes that group the sessions of an account. Not a secret and not a proof: it lies beside
    the account's id in every store, and in a token only that account's owner should hold."""
    return sha256(b"secureacct session account\0" + account_id.encode()).digest()[:TAG_BYTES]


def make_token(where: bytes, secret: bytes) -> str:
    """The token of ``where`` (hour and account tag) and 32 random bytes."""
    if len(where) != HOUR_BYTES + TAG_BYTES or len(secret) != SECRET_BYTES:
        raise ConfigurationError("a token is made of 15 bytes that say where, and 32 random ones")
    return urlsafe_b64encode(bytes((VERSION,)) + where + secret).decode("ascii")


def place(account_id: str, *, now: int) -> bytes:
    """Where a session of this account that begins now is kept: hour and account tag."""
    return (now // HOUR_S).to_bytes(HOUR_BYTES, "big") + account_tag(account_id)


def key_of(token: object) -> bytes | None:
    """The key a store knows the token by; None unless it has the one form a token of ours has.

    Never raises: empty, odd, oversize, not ASCII, re-encoded or of another version is nobody's.
    """
    if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not token.isascii():
        return None
    spelled = token.encode("ascii")
    try:
        data = a2b_base64(spelled.translate(_ALPHABET))
    except Error:
        return None
    if len(data) != TOKEN_BYTES or data[0] != VERSION:
        return None
    return data[_WHERE] + sha256(spelled).digest()[:HASH_BYTES]
