"""Any code and any secret: a step, None, or our own error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secureacct.errors import InvalidInput
from secureacct.totp import Totp

TOTP = Totp.new("Example", "ada", random_bytes=bytes(range(20)))
TIMES = st.one_of(st.integers(0, 2**36), st.floats(), st.integers())


@given(st.text(max_size=40), TIMES, st.one_of(st.none(), st.integers()))
def test_any_code_is_matched_or_refused(code: str, now: float, last_step: int | None) -> None:
    """Matching never raises, and what it gives is later than the last step and near now."""
    step = TOTP.match(code, now=now, last_step=last_step)
    assert step is None or (abs(step - int(now) // 30) <= 1 and (last_step is None or step > last_step))


@given(st.integers(30, 2**36), st.integers(-3, 3), st.integers(-4, 4))
def test_a_step_is_accepted_exactly_when_the_rule_says(now: int, offset: int, used: int) -> None:
    """Right within one step, and later than the last one that was used."""
    current = now // 30
    if current + offset < 0:
        return
    code = TOTP.code(at=(current + offset) * 30)
    step = TOTP.match(code, now=now, last_step=current + used)
    if abs(offset) <= 1 and offset > used:
        assert step is not None
        assert step > current + used
    elif step is not None:  # one code in a million belongs to two steps
        assert TOTP.code(at=step * 30) == code


@given(st.text(max_size=80))
def test_any_secret_is_read_or_refused(text: str) -> None:
    """Reading a secret gives an authenticator that works, or InvalidInput."""
    try:
        totp = Totp.from_secret(text, issuer="x", account="y")
    except InvalidInput:
        return
    assert len(totp.code(at=0)) == 6


@given(st.text(max_size=300))
def test_any_label_is_taken_or_refused(label: str) -> None:
    """Whatever the account's label, there is a URI or InvalidInput."""
    try:
        totp = Totp.new("Example", label)
    except InvalidInput:
        return
    assert totp.uri.startswith("otpauth://totp/Example:")
