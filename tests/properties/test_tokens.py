"""Any token, any state: read as issued, or a TokenError."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct._bytes import b64url
from secureacct.keys import Keyring
from secureacct.tokens import SignedTokens, TokenError

RESET = SignedTokens(Keyring.generate(), purpose="x", max_age=timedelta(hours=1), clock=lambda: 1_000.0)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(st.one_of(st.text(max_size=500), st.binary(max_size=300).map(b64url)))
def test_any_text_is_a_token_error(text: str) -> None:
    """What we did not issue raises TokenError, and never anything else."""
    with pytest.raises(TokenError):
        RESET.read(text)


@given(TEXT, st.text(max_size=60))
def test_every_subject_and_state_round_trips(subject: str, state: str) -> None:
    """Whatever the subject and the state, the token reads as issued."""
    assert RESET.read(RESET.issue(subject, state=state), state=state).subject == subject


@given(TEXT, st.text(max_size=30), st.text(max_size=30))
def test_only_the_same_state_reads(subject: str, issued: str, given_back: str) -> None:
    """Two states that differ at all are two states."""
    token = RESET.issue(subject, state=issued)
    if issued == given_back:
        assert RESET.read(token, state=given_back).subject == subject
    else:
        with pytest.raises(TokenError):
            RESET.read(token, state=given_back)
