"""The two tables of docs/why/assurance.md, made from the data that the code uses.

python -m tests.assurance_page       # writes them into the page
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from secureacct import assurance

PAGE = Path(__file__).parents[1] / "docs" / "why" / "assurance.md"

WORDS = {
    assurance.PASSWORD: "password",
    assurance.TOTP: "authenticator app",
    assurance.RECOVERY_CODE: "recovery code",
    assurance.PASSKEY: "passkey, touched only",
    assurance.PASSKEY_UV: "passkey with PIN or biometric",
    assurance.PASSKEY_BOUND: "device-bound passkey, touched only",
    assurance.PASSKEY_BOUND_UV: "device-bound passkey with PIN or biometric",
}
FACTOR_WORDS = {**WORDS, assurance.PASSKEY: "passkey"}

HELD = (
    (),
    (assurance.PASSWORD,),
    (assurance.TOTP,),
    (assurance.RECOVERY_CODE,),
    (assurance.TOTP, assurance.RECOVERY_CODE),
    (assurance.PASSKEY,),
    (assurance.PASSKEY_BOUND,),
    (assurance.PASSKEY_UV,),
    (assurance.PASSKEY_BOUND_UV,),
    (assurance.PASSWORD, assurance.TOTP),
    (assurance.PASSWORD, assurance.RECOVERY_CODE),
    (assurance.PASSWORD, assurance.PASSKEY),
    (assurance.PASSWORD, assurance.PASSKEY_BOUND),
    (assurance.TOTP, assurance.PASSKEY),
)
ENROLLED = frozenset(
    {
        assurance.PASSWORD,
        assurance.TOTP,
        assurance.RECOVERY_CODE,
        assurance.PASSKEY_UV,
        assurance.PASSKEY_BOUND_UV,
    }
)
ASKED = {f"AAL{level}": assurance.Require(level=level) for level in (1, 2, 3)}


def _words(kinds: Iterable[str], empty: str) -> str:
    return " + ".join(WORDS[kind] for kind in assurance.COUNTS_AS if kind in set(kinds)) or empty


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def levels() -> str:
    """Every way to every level."""
    rows = [(f"AAL{way.level}", _words(way.needs, ""), way.why) for way in assurance.WAYS]
    return _table(("level", "proved", "why (NIST SP 800-63B-4)"), rows)


def step_up() -> str:
    """What is asked for, by what was proved."""
    rows = []
    for held in HELD:
        cells = [_words(held, "nothing")]
        for require in ASKED.values():
            decision = assurance.decide(
                require, proofs=[(kind, 0) for kind in held], enrolled=ENROLLED, now=0
            )
            if isinstance(decision, assurance.Satisfied):
                cells.append("enough")
            elif isinstance(decision, assurance.Needs):
                cells.append("asks for " + " or ".join(FACTOR_WORDS[one] for one in decision.accepts))
        rows.append(cells)
    return _table(("proved", *ASKED), rows)


def page(text: str) -> str:
    """The page with both tables put between their marks.

    :raises ValueError: a mark is missing.
    """
    for name, table in (("levels", levels()), ("step-up", step_up())):
        begin, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
        start = text.index(begin) + len(begin)
        text = text[:start] + table + "\n" + text[text.index(end, start) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
