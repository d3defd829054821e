"""Any text: the bytes of one code, or None."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secureacct.recovery_codes import ALPHABET, parse, spell


@given(st.binary(min_size=15, max_size=15), st.data())
def test_every_code_is_read_however_it_is_copied(code: bytes, data: st.DataObject) -> None:
    """Noise between the characters and another case never change what is read."""
    chars = spell(code).replace("-", "")
    noise = data.draw(st.lists(st.sampled_from(["", " ", "-", "\t"]), min_size=24, max_size=24))
    lower = data.draw(st.lists(st.booleans(), min_size=24, max_size=24))
    typed = "".join(
        (char.lower() if low else char) + gap for char, low, gap in zip(chars, lower, noise, strict=True)
    )
    assert parse(typed) == code


@given(st.one_of(st.text(max_size=120), st.text(ALPHABET + "OILU-", max_size=40)))
def test_any_text_is_a_code_or_none(typed: str) -> None:
    """Reading never raises, and whatever is read can be shown and read again."""
    code = parse(typed)
    assert code is None or parse(spell(code)) == code
