"""What a new password must be: long, and not what an attacker tries first. Nothing else.

No composition, no expiry, no hints, no questions, no cutting: NIST SP 800-63B-4 3.1.1.2 (5) to (8) and
ASVS 5 6.2.5, 6.2.10 forbid them, so there is no option for them.

Rules of this file: every reason is a code with a text that can be replaced; the list of common
passwords cannot be switched off; the order of problems is fixed, so that forms and JSON agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from secureacct.errors import ConfigurationError
from secureacct.passwords import strength
from secureacct.passwords.blocklist import FOLDED_SHA256, UNKNOWN, Blocklist, common
from secureacct.passwords.errors import PasswordEmpty, PasswordTooLong, PasswordUnusable
from secureacct.passwords.guesses import context_words, why_guessable
from secureacct.passwords.text import MAX_CODE_POINTS, nfc, to_bytes

MIN_ALONE: Final = 15  # code points; NIST SP 800-63B-4 3.1.1.2 (1): password as the only factor
MIN_WITH_SECOND_FACTOR: Final = 8  # code points; NIST SP 800-63B-4 3.1.1.2 (1); ASVS 5 6.2.1
EFFECTIVE: Final = 3000  # refused passwords that are long enough; ASVS 5 6.2.4

TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "empty": "Please choose a password.",
        "too_short": "Use at least {least} characters; a few words in a row are easy to remember.",
        "too_long": "Use at most {most} characters.",
        "unusable_character": "This password holds a character that cannot be used.",
        "common": "This is one of the first passwords that an attacker tries. Please choose another.",
        "repeated": "This repeats a short piece, which an attacker tries early. Please choose another.",
        "keyboard": "This follows the keyboard or a sequence, which an attacker tries early.",
        "context": "This is made from your name, your address or the name of this site.",
        "breached": "This password is known from a data breach elsewhere. Please choose another.",
        "guessable": "This password is too easy to guess. Add a word or two.",
        "non_ascii": "Letters with accents may be hard to type on another device.",
    }
)
"""Code -> English text. Translate by giving ``PasswordRules(texts=...)`` the same codes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason against a password.

    :param code: stable, one of the keys of :data:`TEXTS`
    :param message: for people; says nothing about the password itself
    :param params: the numbers in the message
    """

    code: str
    message: str
    params: Mapping[str, int] = field(default_factory=dict)


class BreachList(Protocol):
    """Passwords known from breaches: a built file or the range service (:mod:`.breach`)."""

    def holds(self, password: str) -> bool:
        """True if it is known. Where the list cannot answer: False, and one line in the log."""
        ...


class PasswordRules:
    """The rules for a new password.

    :param min_length: code points; 15, or 8 where every account must have a second factor
    :param site: words of this site (its name, its host) that no password may be made of
    :param blocklists: further lists, from ``secureacct passwords build-blocklist``; the one that ships
        is always asked too
    :param breached: passwords known from breaches
    :param min_score: least zxcvbn score (0 to 4); needs the ``strength`` extra
    :param texts: other texts for the codes, such as translations
    :raises ConfigurationError: under 8 characters, or a list of the wrong kind
    :raises MissingExtra: ``min_score`` without the extra
    """

    def __init__(
        self,
        *,
        min_length: int = MIN_ALONE,
        site: Sequence[str] = (),
        blocklists: Sequence[Blocklist] = (),
        breached: BreachList | None = None,
        min_score: int | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        if not MIN_WITH_SECOND_FACTOR <= min_length <= 64:
            raise ConfigurationError("min_length must be between 8 and 64 (NIST SP 800-63B-4 3.1.1.2)")
        if isinstance(site, str):
            raise ConfigurationError("site= takes a sequence of words, not one string")
        if any(each.digest != FOLDED_SHA256 for each in blocklists):
            raise ConfigurationError("blocklists= takes lists of words; give breach lists to breached=")
        if min_score is not None:
            strength.require()
        self.min_length = min_length
        self.min_score = min_score
        self.breached = breached
        self._site = context_words(site)
        self._blocklists = tuple(blocklists)
        self._texts = {**TEXTS, **(texts or {})}

    def check(self, password: str, context: Iterable[str] = ()) -> tuple[Problem, ...]:
        """What is wrong with a password that somebody wants to set; empty means acceptable.

        :param context: what belongs to the account: its address, name, user name
        """
        try:
            text = nfc(password)
            to_bytes(password)
        except PasswordUnusable as error:
            return (self._unusable(error),)
        words = self._site | context_words((context,) if isinstance(context, str) else context)
        problems: list[Problem] = []
        if len(text) < self.min_length:
            problems.append(self._problem("too_short", least=self.min_length))
        reason = why_guessable(text, listed=self._is_listed, words=words)
        if reason:
            problems.append(self._problem(reason))
        if not problems and self.breached is not None and self.is_breached(text):
            problems.append(self._problem("breached"))
        if not problems and self.min_score is not None:
            estimate = strength.estimate(text, words)
            if estimate is not None and estimate.score < self.min_score:
                problems.append(self._problem("guessable"))
        return tuple(problems)

    def advise(self, password: str) -> tuple[Problem, ...]:
        """What to tell about an acceptable password: nothing that refuses it (NIST 3.1.1.2: Unicode)."""
        return () if password.isascii() else (self._problem("non_ascii"),)

    def is_breached(self, password: str) -> bool:
        """True if the breach list holds it; for a check at sign-in, where the policy asks for one."""
        return self.breached is not None and self.breached.holds(password)

    @property
    def passwordrules(self) -> str:
        """The value of the ``passwordrules`` attribute of an input, for password managers."""
        return f"minlength: {self.min_length}; maxlength: {MAX_CODE_POINTS}; allowed: ascii-printable;"

    def effective_entries(self) -> int:
        """How many refused passwords are long enough to matter: at least :data:`EFFECTIVE` (ASVS 5 6.2.4).

        Counts list entries of ``min_length``, and every entry of at least half of it written twice.
        """
        lists = (common(), *self._blocklists)
        known = [each for each in lists if UNKNOWN not in (each.at_least_8, each.at_least_15)]
        if self.min_length <= 8:
            return sum(each.at_least_8 for each in known)
        return sum(each.at_least_15 for each in known) + sum(each.at_least_8 for each in known)

    def _is_listed(self, folded: str) -> bool:
        return folded in common() or any(folded in each for each in self._blocklists)

    def _problem(self, code: str, **params: int) -> Problem:
        return Problem(code, self._texts[code].format(**params), params)

    def _unusable(self, error: PasswordUnusable) -> Problem:
        if isinstance(error, PasswordEmpty):
            return self._problem("empty")
        if isinstance(error, PasswordTooLong):
            return self._problem("too_long", most=MAX_CODE_POINTS)
        return self._problem("unusable_character")
