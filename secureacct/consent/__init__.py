"""Consent: what people are asked, what they answered, and the proof of it."""

from secureacct.consent.cookie_choice import (
    CookieChoice,
    CookieStanding,
    cookie_standing,
    read_choice,
    says_gpc,
)
from secureacct.consent.declarations import (
    NECESSARY,
    OUR_COOKIES,
    Declarations,
    DeclaredCookie,
    Purpose,
    words_hash,
)
from secureacct.consent.errors import (
    BadDeclaration,
    LedgerAltered,
    LedgerBusy,
    UndeclaredCookie,
    UnknownPurpose,
)
from secureacct.consent.faces import AsyncConsents, Consents
from secureacct.consent.steps import ConsentParts, PurposeStanding

__all__ = [
    "NECESSARY",
    "OUR_COOKIES",
    "AsyncConsents",
    "BadDeclaration",
    "ConsentParts",
    "Consents",
    "CookieChoice",
    "CookieStanding",
    "Declarations",
    "DeclaredCookie",
    "LedgerAltered",
    "LedgerBusy",
    "Purpose",
    "PurposeStanding",
    "UndeclaredCookie",
    "UnknownPurpose",
    "cookie_standing",
    "read_choice",
    "says_gpc",
    "words_hash",
]
