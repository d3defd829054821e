"""The one-click POST of RFC 8058 as multipart: what is read of it, and how often."""

from __future__ import annotations

import pytest

from secureacct.web.views.mailings import says_one_click

PART = b'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
DECOY = b'name="List-Unsubscribe"\r\nx\r\n'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"--f\r\n" + PART + b"One-Click\r\n--f--\r\n", True),
        (b"--f\n" + PART.replace(b"\r", b"") + b"one-click\n--f--\n", True),
        (b"--f\r\n" + PART + b"Maybe\r\n--f--\r\n", False),
        (b"--f\r\nname=List-Unsubscribe", False),
        (b"", False),
        (DECOY * 2000, False),
        (DECOY + b"--f\r\n\r\n" + b"--f\r\n" + PART + b"One-Click\r\n--f--\r\n", False),
    ],
    ids=("crlf", "lf", "another-word", "cut", "empty", "thousands", "the-first-decides"),
)
def test_the_first_field_of_that_name_decides(body: bytes, says: bool) -> None:
    """Only the first one is read: looking behind each of thousands would keep a worker busy for seconds."""
    assert says_one_click(body) is says
