"""The pieces, each alone, with the base packages only. Run it in an empty folder."""

from datetime import timedelta

from secureacct.cookies import SecureCookie
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring
from secureacct.password_rules import PasswordRules          # may live in passwords/, importable from here
from secureacct.passwords import PasswordHasher
from secureacct.sessions import SessionPolicy, Sessions
from secureacct.stores.memory import MemoryStore
from secureacct.tokens import SignedTokens
from secureacct.totp import Totp

# passwords
hasher = PasswordHasher()
encoded = hasher.hash("correct horse battery staple")
assert hasher.verify("correct horse battery staple", encoded)        # wrong or unreadable: False, never an exception
ok, replacement = hasher.verify_and_update("correct horse battery staple", encoded)   # replacement: new hash to store, or None
assert PasswordRules().check("password12345678", context=("ada@example.org",))        # problems with .code; empty means acceptable

# keys
keys = Keyring.generate()
keys.save("keyring.json")                                            # 0600; load refuses looser modes and altered files
keys = Keyring.load("keyring.json")
keys.rotate()                                                        # new primary; older keys still decrypt

# one encrypted field, bound to its table, column and row
phone = FieldCipher(keys, table="profile", column="phone", type=str)
blob = phone.encrypt("+41 44 668 18 00", row="42")
assert phone.decrypt(blob, row="42") == "+41 44 668 18 00"           # elsewhere: WrongContext / TamperedCiphertext
blobs = phone.encrypt_many(["a", "b"], rows=["1", "2"])
assert phone.decrypt_many(blobs, rows=["1", "2"]) == ["a", "b"]
email = BlindIndex(keys, table="account", column="email", normalise="email", unique=True)
assert email.of("Ada@Example.org") in email.lookup("Ada@example.org")

# sessions: only a hash of the token is stored
sessions = Sessions(MemoryStore(), policy=SessionPolicy(idle=timedelta(minutes=30), absolute=timedelta(hours=12)))
token = sessions.start("42")
assert sessions.load(token).account_id == "42"
token = sessions.rotate(token)                                       # the old token is dead from here
other = sessions.start("42")
assert len(sessions.list("42")) == 2                                 # records have a public .id that is not the token
assert sessions.end_all("42", keep=token) == 1 and sessions.load(other) is None
sessions.end(token)

# the cookie: no insecure mode exists
cookie = SecureCookie("session")
header = cookie.set(token)                                           # value of one Set-Cookie header
assert header.startswith("__Host-Http-session=") and cookie.read(header.split(";")[0]) == token
assert "Max-Age=0" in cookie.clear()

# signed tokens, one purpose each
reset = SignedTokens(keys, purpose="password-reset", max_age=timedelta(hours=1))
signed = reset.issue("42", state="v1")                               # state: what must still be true when it is used
assert reset.read(signed, state="v1").subject == "42"                # TokenExpired, BadToken (both under TokenError)

# TOTP
totp = Totp.new(issuer="Example", account="ada@example.org")         # .secret .uri .qr_svg()
step = totp.match(totp.code(at=1_700_000_000), now=1_700_000_000, last_step=None)
assert totp.match(totp.code(at=1_700_000_000), now=1_700_000_000, last_step=step) is None   # replay
