"""Normalisers: which spellings of a value an index takes for the same.

Rules of this file: a normaliser has a name and a version, both enter the index key, so a changed rule
is a new index and never silent misses; what is normalised is for looking up only and is stored nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from secureacct.fields.errors import InvalidValue

_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # the four full stops of UTS 46
_PHONE_NOISE = re.compile(r"[\s()./\u00a0\u2010-\u2015\u2212-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")  # ITU-T E.164: at most 15 digits
_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Normaliser:
    """A named, versioned rule. ``apply`` raises InvalidValue for what it cannot take."""

    name: str
    version: int
    apply: Callable[[str], str]

    @property
    def label(self) -> str:
        """How it is written into the key."""
        return f"{self.name}/{self.version}"


def normaliser(name: str) -> Normaliser:
    """The current version of a normaliser.

    :raises InvalidValue: there is none of this name.
    """
    found = NORMALISERS.get(name)
    if found is None:
        raise InvalidValue(f"there is no normaliser {name!r}; there are {', '.join(NORMALISERS)}")
    return found


def _exact(value: str) -> str:
    return value


def _nfc(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _casefold(value: str) -> str:
    # NFKC_Casefold of UAX 31: folding can undo normalisation, so it is done on both sides
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", value).casefold())
    return unicodedata.normalize("NFKC", " ".join(folded.split()).casefold())


def _email(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    if not at or not local or not domain:
        raise InvalidValue("not an e-mail address")
    local = unicodedata.normalize("NFC", local).translate(_UPPER_TO_LOWER)
    labels = [_label(label) for label in _DOTS.split(domain.removesuffix("."))]
    return f"{local}@{'.'.join(labels)}"


def _label(label: str) -> str:
    lowered = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).lower())
    if not lowered or len(lowered) > 63 or any(character.isspace() for character in lowered):
        raise InvalidValue("not an e-mail address")
    if lowered.isascii():
        return lowered
    return "xn--" + lowered.encode("punycode").decode("ascii")  # RFC 3492


def _e164(value: str) -> str:
    bare = _PHONE_NOISE.sub("", unicodedata.normalize("NFKC", value))
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if not _E164.match(bare):
        raise InvalidValue("not a telephone number with its country code")
    return bare


def _digits(value: str) -> str:
    found = "".join(str(unicodedata.decimal(character)) for character in value if character.isdecimal())
    if not found:
        raise InvalidValue("no digit in this value")
    return found


NORMALISERS: dict[str, Normaliser] = {
    known.name: known
    for known in (
        Normaliser("exact", 1, _exact),
        Normaliser("nfc", 1, _nfc),
        Normaliser("casefold", 1, _casefold),
        Normaliser("email", 1, _email),
        Normaliser("e164", 1, _e164),
        Normaliser("digits", 1, _digits),
    )
}
"""``email``: local part lower-cased in ASCII only, domain IDNA and lower-cased. ``e164``: with country
code. ``digits``: the digits alone. ``casefold``: NFKC, case and spacing aside. ``nfc``: one Unicode
spelling. ``exact``: as it is."""
