"""The rules for new passwords: length, and what an attacker tries first."""

from __future__ import annotations

import builtins
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from secureacct.errors import ConfigurationError, MissingExtra
from secureacct.password_rules import PasswordRules
from secureacct.passwords import guesses, rules, strength, walks
from secureacct.passwords.blocklist import Blocklist, build
from secureacct.passwords.breach import BreachFile, build_from_download

RULES = PasswordRules()
ADA = ("ada.lovelace@example.org", "Ada Lovelace")


def codes(password: str, *context: str) -> list[str]:
    """The codes of what is wrong."""
    return [problem.code for problem in RULES.check(password, context=context)]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "purple giraffes eat quietly",
        "my password is not on a list",
        "the first password of the day",
        "x9Kq2mLr8TzWv4p",
        "Tr0ub4dor&3 & friends",
        "wir essen heute abend kürbis",
        "猫は静かに窓の外を見ていましたとさ",
        "👨‍👩‍👧‍👦 family of emoji!",
        "'; DROP TABLE users; --",
        "Ada sold nine lovely kettles",
        "a" * 3 + "b quick wit and 7 herrings",
    ],
)
def test_good_passwords_are_accepted(password: str) -> None:
    """Phrases and random strings pass, also where they hold a common word or a name of the account."""
    assert codes(password, *ADA) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("passwordpassword", "common"),
        ("password password", "common"),
        ("PassWord-PassWord!", "common"),
        ("Dragon-Dragon-2026", "common"),
        ("drowssapdrowssap", "common"),
        ("P@ssw0rd20261125", "common"),
        ("monkey.sunshine.1", "common"),
        ("trustno1trustno1", "common"),
        ("letmein letmein 1", "common"),
        ("ｐａｓｓｗｏｒｄ　ｐａｓｓｗｏｒｄ", "common"),
        ("password12345678", "keyboard"),
        ("password!!!!!!!!!", "keyboard"),
        ("elephant!!!!!!!", "common"),
        ("123456password123456", "keyboard"),
        ("2026 elephant 2026", "common"),
        ("aaaaaaaaaaaaaaaa", "repeated"),
        ("abcabcabcabcabcabc", "repeated"),
        ("xq7xq7xq7xq7xq7xq7", "repeated"),
        ("0101101001010110", "repeated"),
        ("qwertyuiopasdfgh", "keyboard"),
        ("1q2w3e4r5t6y7u8i", "keyboard"),
        ("qazwsxedcrfvtgb", "keyboard"),
        ("!QAZ2wsx#EDC4rfv", "keyboard"),
        ("azertyuiopqsdfghjklm", "keyboard"),
        ("qwertzuiopasdfgh", "keyboard"),
        ("abcdefghijklmnopq", "keyboard"),
        ("9876543210987654", "keyboard"),
        ("1a2b3c4d5e6f7g8h", "keyboard"),
        ("adalovelace2026!!", "context"),
        ("Ada-Lovelace-Ada", "context"),
        ("lovelacelovelace", "context"),
        ("example.org 2026!", "context"),
        ("4d4l0v3l4c3-2026", "context"),
    ],
)
def test_stretched_guesses_are_refused_with_their_reason(password: str, code: str) -> None:
    """Case, spaces, separators, repeats, walks, digits at the ends, look-alike digits, own words."""
    assert codes(password, *ADA) == [code]


def test_fourteen_are_too_few_and_fifteen_enough() -> None:
    """NIST SP 800-63B-4 3.1.1.2 (1): fifteen code points where the password stands alone."""
    assert codes("kW4zQ9mTx2Lp7V") == ["too_short"]
    assert codes("kW4zQ9mTx2Lp7Vr") == []


def test_code_points_are_counted_after_normalisation() -> None:
    """Fifteen letters typed as thirty code points are fifteen; an emoji of seven code points is seven."""
    composed = "äöüßéèêëíìîïóòô"
    assert codes(composed) == []
    assert codes("a\u0308" * 7 + "o\u0308" * 7) == ["too_short", "repeated"]
    assert "too_short" not in codes("👨‍👩‍👧‍👦" + "kW4zQ9mT")


def test_lengths_of_64_and_1024_are_accepted_and_no_more() -> None:
    """NIST SP 800-63B-4 3.1.1.2 (2): 64 at the least; ours is 1024, refused and never cut."""
    unit = "".join(map(chr, range(0x4E00, 0x4E00 + 1024)))
    for length in (64, 1024):
        assert codes(unit[:length][::-1] if length == 0 else _jumbled(length)) == []
    assert codes(_jumbled(1025)) == ["too_long"]


def _jumbled(length: int) -> str:
    """Text of ``length`` without repeats or walks."""
    return "".join(chr(0x4E00 + at * 7919 % 20000) for at in range(length))


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "empty"),
        ("a" * 5000, "too_long"),
        ("nul \0 in the middle", "unusable_character"),
        ("lone \ud800 surrogate", "unusable_character"),
        (b"bytes of some length", "unusable_character"),
    ],
)
def test_unusable_passwords_are_one_problem(password: Any, code: str) -> None:
    """What cannot be hashed is named, and nothing else is looked at."""
    assert [problem.code for problem in RULES.check(password)] == [code]


def test_every_printable_ascii_character_and_no_mix_is_fine() -> None:
    """No composition rules: one class of characters is enough, and none is refused."""
    assert codes("kwjzqhmtxblpvrs") == []
    assert codes("KWJZQHMTXBLPVRS") == []
    assert codes("739184625093817") == []
    printable = "".join(chr(code) for code in range(32, 127))
    scattered = "".join(printable[at * 37 % 95] for at in range(95))
    assert codes(scattered) == []


def test_there_is_no_option_that_the_standards_forbid() -> None:
    """Composition, expiry, hints, questions and cutting cannot be configured."""
    import inspect

    names = set(inspect.signature(PasswordRules).parameters)
    assert names == {"min_length", "site", "blocklists", "breached", "min_score", "texts"}


def test_the_minimum_cannot_go_below_eight() -> None:
    """Eight is for accounts with an enforced second factor; below it there is nothing."""
    assert PasswordRules(min_length=8).check("kW4zQ9mT") == ()
    for wrong in (7, 0, -1, 65):
        with pytest.raises(ConfigurationError):
            PasswordRules(min_length=wrong)


def test_common_passwords_of_eight_are_refused_where_eight_are_enough() -> None:
    """With a second factor the list itself does the work."""
    eight = PasswordRules(min_length=8)
    for password in ("password", "12345678", "iloveyou", "sunshine", "Princess1", "football!"):
        assert eight.check(password), password


def test_more_than_3000_refused_passwords_are_long_enough() -> None:
    """ASVS 5 6.2.4 at fifteen characters: counted by trying, not by believing the header."""
    assert RULES.effective_entries() >= rules.EFFECTIVE
    assert PasswordRules(min_length=8).effective_entries() >= rules.EFFECTIVE
    words = (
        "password iloveyou princess sunshine football baseball superman michelle jennifer computer "
        "whatever trustno1 starwars midnight butthead mercedes jonathan victoria danielle lovelove "
        "liverpool elephant dolphins december chocolate butterfly charlotte alexander elizabeth "
        "anthony1 scorpion bluebird carolina champion panthers hardcore snowball darkness mountain "
        "metallic hello123 password1 qwerty123 shadow12 dragon12 monkey12 master12 michael1 "
        "jordan23 charlie1 thunder1 maverick spiderman pokemon1 cowboys1"
    ).split()
    words = [word for word in words if RULES._is_listed(word)]
    guesses_of_15 = {
        stretched
        for one, other in itertools.product(words, words)
        for stretched in (one + other, f"{one} {other}!", f"{one.title()}{other}1")
        if len(stretched) >= 15
    }
    assert len(guesses_of_15) >= 3000
    missed = [each for each in sorted(guesses_of_15)[:: len(guesses_of_15) // 1000] if not codes(each)]
    assert missed == []


def test_looking_is_bounded_for_the_worst_texts() -> None:
    """Texts made to be slow stay bounded: counted in looks at the list, not in wall time."""
    looks = 0

    def listed(_text: str) -> bool:
        nonlocal looks
        looks += 1
        return False

    digits = "".join(str(at * at * 7 % 10) for at in range(40))
    for nasty in (_jumbled(1024), digits + "kwz" + digits[:20], "kwzq" * 8 + "12" * 16, "@0$" * 300 + "kw"):
        looks = 0
        guesses.why_guessable(nasty, listed=listed)
        assert looks < 20_000


def test_a_text_repeated_is_as_weak_as_its_unit() -> None:
    """The shortest period is found, also where the last repeat is cut."""
    assert guesses.unit_of("abcabcab") == "abc"
    assert guesses.unit_of("aaaa") == "a"
    assert guesses.unit_of("abcabd") == "abcabd"
    assert guesses.unit_of("ab") == "ab"
    assert guesses.unit_of("") == ""


def test_walks_are_told_from_words() -> None:
    """Shares of neighbouring steps: high for walks on each layout, low for words."""
    for walk in ("qwerty", "1qaz2wsx", "zxcvbnm", "asdfghjkl", "abcdef", "qwertz", "azerty"):
        assert walks.share_of_steps(walk) >= guesses.WALK_SHARE, walk
    for word in ("elephant", "mountains", "breakfast", "kettle", "herring"):
        assert walks.share_of_steps(word) < guesses.WALK_SHARE, word


def test_words_of_the_site_are_refused_everywhere() -> None:
    """The name and host of the site count as context for every account."""
    shop = PasswordRules(site=("Acme Widgets", "acme.example"))
    assert [p.code for p in shop.check("acmewidgets2026!")] == ["context"]
    assert codes("acmewidgets2026!") == []


def test_context_may_be_one_string_and_site_may_not() -> None:
    """One address is taken as one address; a string for site= is a mistake that is named."""
    assert [p.code for p in RULES.check("lovelacelovelace", context="ada.lovelace@example.org")] == [
        "context"
    ]
    with pytest.raises(ConfigurationError):
        PasswordRules(site="Acme")


def test_messages_can_be_translated_and_hold_no_password() -> None:
    """Codes stay, texts change, numbers are filled in, and no text repeats what was typed."""
    german = PasswordRules(texts={"too_short": "Mindestens {least} Zeichen."})
    (problem,) = german.check("kW4zQ9mT")
    assert (problem.code, problem.message, problem.params) == (
        "too_short",
        "Mindestens 15 Zeichen.",
        {"least": 15},
    )
    for password in ("passwordpassword", "qwertyuiopasdfgh", "kW4zQ9mT"):
        for each in RULES.check(password):
            assert password not in each.message + repr(each)
    for text in rules.TEXTS.values():
        assert re.search(r"[.!?]$", text)


def test_managers_are_told_the_same_policy() -> None:
    """The passwordrules attribute comes from the numbers that are checked."""
    assert RULES.passwordrules == "minlength: 15; maxlength: 1024; allowed: ascii-printable;"
    assert PasswordRules(min_length=8).passwordrules.startswith("minlength: 8;")


def test_accents_are_advice_and_no_problem() -> None:
    """NIST SP 800-63B-4 3.1.1.2: tell people that other devices may type them differently."""
    assert [each.code for each in RULES.advise("wir essen kürbis heute")] == ["non_ascii"]
    assert RULES.advise("plain words of ascii") == ()


def test_a_breached_password_is_refused_by_the_whole_text(tmp_path: Path) -> None:
    """The list is asked about what was typed, exactly; it comes after cheaper rules."""
    import hashlib

    sha1 = hashlib.sha1(b"kettles sold by ada").hexdigest().upper()
    build_from_download([f"{sha1}:12\r\n".encode()], tmp_path / "b")
    checked = PasswordRules(breached=BreachFile(tmp_path / "b"))
    assert [p.code for p in checked.check("kettles sold by ada")] == ["breached"]
    assert checked.check("Kettles sold by ada") == ()
    assert checked.is_breached("kettles sold by ada")
    assert not RULES.is_breached("kettles sold by ada")


def test_a_list_of_the_wrong_kind_stops_the_start(tmp_path: Path) -> None:
    """Word lists and breach lists cannot be swapped."""
    build_from_download([b"%040X:1" % 5], tmp_path / "breach")
    with pytest.raises(ConfigurationError):
        PasswordRules(blocklists=[Blocklist(tmp_path / "breach")])


def test_an_apps_own_words_are_refused_too(tmp_path: Path) -> None:
    """A further list is seen through like the one that ships."""
    build(tmp_path / "own", ["vexilquorund"])
    own = PasswordRules(blocklists=[Blocklist(tmp_path / "own")])
    assert [p.code for p in own.check("Vexil-Quorund-77")] == ["common"]
    assert codes("Vexil-Quorund-77") == []


def test_a_score_needs_its_extra_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the rules work; asking for a score names the extra."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "zxcvbn_rs_py":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert strength.estimate("anything") is None
    assert PasswordRules().check("correct horse battery staple") == ()
    with pytest.raises(MissingExtra, match=r"secureacct\[strength\]"):
        PasswordRules(min_score=3)


def test_a_least_score_refuses_what_zxcvbn_finds_easy() -> None:
    """Where an app asks for it: the code is guessable, and good phrases pass."""
    pytest.importorskip("zxcvbn_rs_py")
    strict = PasswordRules(min_score=4)
    assert strict.check("correct horse battery staple") == ()
    estimate = strength.estimate("kettle kettle me")
    assert estimate is not None
    assert estimate.score < 4
    assert [p.code for p in strict.check("kettle kettle me")] == ["guessable"]
    long = strength.estimate("kettle " * 140)
    assert long is not None


def test_nothing_is_loaded_until_a_password_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making the rules opens no file."""
    opened: list[str] = []

    def no_list(*_: object) -> Blocklist:
        opened.append("opened")
        raise AssertionError

    monkeypatch.setattr(rules, "common", no_list)
    PasswordRules()
    assert opened == []
