"""Any token: the one that was issued, or CsrfFailed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct._bytes import b64url
from secureacct.csrf import CsrfFailed, CsrfTokens, to_presession, to_session
from secureacct.keys import Keyring

CSRF = CsrfTokens(Keyring.generate())


@given(st.one_of(st.text(max_size=200), st.binary(min_size=69, max_size=69).map(b64url)))
def test_any_text_is_refused(text: str) -> None:
    """What we did not issue raises CsrfFailed, and never anything else."""
    with pytest.raises(CsrfFailed):
        CSRF.check(text, to_session("s"))


@given(st.text(min_size=1, max_size=50), st.binary(min_size=32, max_size=32))
def test_every_binding_and_mask_round_trips(value: str, mask: bytes) -> None:
    """Whatever the value and the mask, the token is good for its binding and for no other kind."""
    token = CSRF.issue(to_session(value), mask=mask)
    CSRF.check(token, to_session(value))
    with pytest.raises(CsrfFailed):
        CSRF.check(token, to_presession(value))
