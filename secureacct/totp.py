"""Codes of an authenticator app (RFC 6238): each step counts once, and only forwards.

Rules of this file: a code is ASCII digits, and spaces between them; a step is accepted only if it is
later than ``last_step``, so no code is good twice and a clock that goes back opens nothing; the secret is
in no repr, no message and no title; pyotp does the arithmetic and is called from nowhere else.

That one step is used once, whoever asks at the same moment, is a claim in the store: ``match`` says
which step, the store takes it only if it is greater than the one it holds.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

from pyotp.exceptions import OTPVerificationError
from pyotp.totp import TOTP

from secureacct.errors import ConfigurationError, InvalidInput, MissingExtra

SECRET_BYTES = 20  # 160 bits, RFC 4226 requirement 6; NIST SP 800-63B-4 3.1.4.1 asks for 112
MIN_SECRET_BITS = 112  # bits, NIST SP 800-63B-4 3.1.4.1
PERIOD_S = 30  # seconds a step lasts, RFC 6238 section 4.1; ASVS 5 6.5.5
WINDOW_STEPS = 1  # steps accepted before and after the current one, RFC 6238 section 5.2 and 6
DIGITS = 6  # digits of a code, RFC 4226 section 5.3; 20 bits, ASVS 5 6.5.4
MAX_CODE_CHARS = 32  # characters looked at, spaces included; our own limit
MAX_LABEL_CHARS = 254  # characters of issuer and account; the longest address, RFC 5321 4.5.3.1.3
QUIET_ZONE = 4  # modules of white around the QR code, ISO/IEC 18004
QR_MODULE_PX = 4  # pixels a module is drawn with unless a style sheet says otherwise

Algorithm = Literal["SHA1", "SHA256", "SHA512"]

# SHA-1 is what authenticator apps know; many ignore the parameter. In HMAC it is not broken (RFC 6194).
_DIGESTS: Final[dict[str, Any]] = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
_SPACES = str.maketrans("", "", " \t\u00a0")
_SECRET_NOISE = str.maketrans("", "", " -=")
_BASE32 = re.compile(r"[A-Z2-7]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class UnusableSecret(InvalidInput):
    """The secret cannot be read."""

    code = "totp_secret_unreadable"


class WeakSecret(UnusableSecret):
    """The secret is shorter than 112 bits: a new one has to be enrolled."""

    code = "totp_secret_too_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A code that was right."""

    step: int  # the time step it belongs to; store it as ``last_step``
    drift_steps: int  # how far the app's clock seems to be ahead (or, below zero, behind), in steps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totp:
    """One authenticator's secret and parameters. Made by :meth:`new` or :meth:`from_secret`."""

    secret: str = field(repr=False)  # base32 without padding
    issuer: str
    account: str = field(repr=False)
    algorithm: Algorithm = "SHA1"
    digits: int = DIGITS
    period_s: int = PERIOD_S  # seconds
    window: int = WINDOW_STEPS  # steps; 0 accepts the current step only

    def __post_init__(self) -> None:
        if self.algorithm not in _DIGESTS:
            raise ConfigurationError("the algorithm of TOTP is SHA1, SHA256 or SHA512")
        if self.digits not in (6, 8) or self.period_s not in (30, 60) or self.window not in (0, 1):
            raise ConfigurationError("TOTP has 6 or 8 digits, 30 or 60 seconds, and a window of 0 or 1 steps")
        if not _label_is_fine(self.issuer) or ":" in self.issuer:
            raise ConfigurationError("an issuer is 1 to 254 printable characters without a colon")
        if not _label_is_fine(self.account):
            raise InvalidInput("an account's label is 1 to 254 printable characters")

    @classmethod
    def new(cls, issuer: str, account: str, *, random_bytes: bytes | None = None, window: int = 1) -> Self:
        """A new authenticator with a secret of 160 bits.

        :param issuer: the name of the site, shown in the app.
        :param account: what tells accounts of one site apart, mostly the address.
        :param random_bytes: 20 bytes for tests; from the operating system unless given.
        :param window: steps accepted before and after the current one, 0 or 1.
        :raises ConfigurationError: an unusable issuer or window, or other than 20 bytes.
        :raises InvalidInput: an unusable account label.
        """
        raw = os.urandom(SECRET_BYTES) if random_bytes is None else random_bytes
        if len(raw) != SECRET_BYTES:
            raise ConfigurationError("a TOTP secret is made of 20 random bytes")
        return cls(
            secret=base64.b32encode(raw).decode("ascii"), issuer=issuer, account=account, window=window
        )

    @classmethod
    def from_secret(
        cls,
        secret: str,
        *,
        issuer: str,
        account: str,
        algorithm: Algorithm = "SHA1",
        digits: int = DIGITS,
        period_s: int = PERIOD_S,
        window: int = WINDOW_STEPS,
    ) -> Self:
        """An authenticator that exists already.

        :param secret: base32; spaces, dashes, padding and lower case do not matter.
        :param period_s: seconds a step lasts, 30 or 60.
        :param window: steps accepted before and after the current one, 0 or 1.
        :raises WeakSecret: shorter than 112 bits.
        :raises UnusableSecret: not base32.
        :raises ConfigurationError: an unusable issuer or parameter.
        :raises InvalidInput: an unusable account label.
        """
        return cls(
            secret=_read_secret(secret),
            issuer=issuer,
            account=account,
            algorithm=algorithm,
            digits=digits,
            period_s=period_s,
            window=window,
        )

    @property
    def uri(self) -> str:
        """The ``otpauth:`` URI that apps take. It holds the secret."""
        return _engine(self).provisioning_uri(name=self.account, issuer_name=self.issuer)

    @property
    def grouped_secret(self) -> str:
        """The secret in groups of four, for people who type it."""
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))

    def qr_svg(self, *, title: str | None = None) -> str:
        """The URI as a QR code: an ``<svg>`` element to put into a page.

        Black on white with its quiet zone, in dark mode too; no style, no script, no external part.

        :param title: what a screen reader says; must not hold the secret.
        :raises MissingExtra: the extra ``qr`` is not installed.
        :raises ConfigurationError: the title holds the secret.
        """
        try:
            import segno
        except ModuleNotFoundError:
            raise MissingExtra("qr", needed_for="the QR code of an authenticator") from None
        label = f"QR code that adds {self.issuer} to an authenticator app" if title is None else title
        if self.secret in _CONTROL.sub("", label).translate(_SECRET_NOISE).upper():
            raise ConfigurationError("the title of a QR code must not hold the secret")
        code = segno.make_qr(self.uri, error="m")
        svg = code.svg_inline(
            title=_CONTROL.sub("", label),
            border=QUIET_ZONE,
            dark="#000",
            light="#fff",
            svgclass=None,
            lineclass=None,
            omitsize=True,
        )
        side = code.symbol_size(scale=QR_MODULE_PX, border=QUIET_ZONE)[0]
        return svg.replace("<svg ", f'<svg role="img" width="{side}" height="{side}" ', 1)

    def code(self, *, at: float) -> str:
        """The code an app shows at a moment.

        :param at: seconds since the epoch.
        :raises InvalidInput: not a moment between 1970 and 9999.
        """
        try:
            return _engine(self).at(at)
        except (ValueError, OverflowError):
            raise InvalidInput("not a moment between 1970 and 9999") from None

    def match(self, code: str | None, *, now: float, last_step: int | None) -> int | None:
        """The step a code belongs to, if it is right and later than ``last_step``; else None.

        :param code: what was typed; spaces do not matter. None, for nothing was, never matches.
        :param now: seconds since the epoch.
        :param last_step: the newest step that was used up; None if there is none. It has no default,
            for who forgets it would accept a code twice.
        """
        found = self.find(code, now=now, last_step=last_step)
        return None if found is None else found.step

    def find(self, code: str | None, *, now: float, last_step: int | None) -> Match | None:
        """Like :meth:`match`, and says how far the app's clock seems to be off."""
        digits = _read_code(code, self.digits)
        if digits is None:
            return None
        engine = _engine(self)
        try:
            current = engine.timecode(now)
            step = engine.verify_and_get_timecode(
                digits, for_time=now, valid_window=min(self.window, current)
            )
        except (OTPVerificationError, ValueError, OverflowError):
            return None
        if last_step is not None and step <= last_step:
            return None
        return Match(step=step, drift_steps=step - current)


def _engine(totp: Totp) -> TOTP:
    try:
        return TOTP(totp.secret, digits=totp.digits, digest=_DIGESTS[totp.algorithm], interval=totp.period_s)
    except ValueError:
        raise UnusableSecret("the secret is not base32 of 112 bits or more") from None


def _read_secret(text: str) -> str:
    secret = text.translate(_SECRET_NOISE).upper()
    if not _BASE32.match(secret) or len(secret) % 8 in (1, 3, 6):
        raise UnusableSecret("the secret is not base32")
    if len(secret) * 5 // 8 * 8 < MIN_SECRET_BITS:
        raise WeakSecret("the secret is shorter than 112 bits; a new one has to be enrolled")
    return secret


def _read_code(text: object, digits: int) -> str | None:
    if not isinstance(text, str) or len(text) > MAX_CODE_CHARS:
        return None
    code = text.translate(_SPACES)
    return code if len(code) == digits and code.isascii() and code.isdigit() else None


def _label_is_fine(text: str) -> bool:
    return 0 < len(text) <= MAX_LABEL_CHARS and text.strip() != "" and not _CONTROL.search(text)
