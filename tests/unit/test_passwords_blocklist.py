"""Blocklist files: what they hold, what is refused at open, and what the breach service may see."""

from __future__ import annotations

import hashlib
import logging
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from secureacct.passwords import BlocklistUnreadable
from secureacct.passwords.blocklist import (
    EXACT_SHA1,
    FOLDED_SHA256,
    UNKNOWN,
    Blocklist,
    build,
    common,
    fold,
    write,
)
from secureacct.passwords.breach import BreachFile, BreachRange, build_from_download

WORDS = ["dragon", "Sunshine", "pässword", "correcthorsebattery", "dragon"]


def test_a_file_holds_what_was_put_in_and_nothing_else(tmp_path: Path) -> None:
    """Folded words are found, others are not, duplicates count once."""
    assert build(tmp_path / "list", WORDS) == 4
    opened = Blocklist(tmp_path / "list")
    assert len(opened) == 4
    assert (opened.at_least_8, opened.at_least_15) == (3, 1)
    for word in WORDS:
        assert fold(word) in opened
    for word in ("Sunshine", "dragons", "", "x" * 10_000, "\ud800"):
        assert word not in opened


def test_the_format_is_the_one_that_is_specified(tmp_path: Path) -> None:
    """Sixty-four bytes of header, then ascending little-endian 64-bit prefixes of SHA-256."""
    build(tmp_path / "list", ["dragon", "sunshine"])
    data = (tmp_path / "list").read_bytes()
    prefixes = sorted(hashlib.sha256(w).digest()[:8] for w in (b"dragon", b"sunshine"))
    body = b"".join(prefix[::-1] for prefix in prefixes)
    assert data == struct.pack(
        "<8sB7sQ32sII", b"SABLOCK\x01", 1, bytes(7), 2, hashlib.sha256(body).digest(), 1, 0
    ) + body  # fmt: skip


def test_a_third_of_a_million_entries_fit_in_three_megabytes(tmp_path: Path) -> None:
    """Eight bytes an entry and a header."""
    count = write(tmp_path / "list", range(0, 300_000 * 7, 7), digest=FOLDED_SHA256)
    assert count == 300_000
    assert (tmp_path / "list").stat().st_size == 64 + 8 * 300_000 <= 3_000_000


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    """No entry is not damage."""
    build(tmp_path / "list", [])
    assert "anything" not in Blocklist(tmp_path / "list")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: b"", "not a blocklist"),
        (lambda d: d[:40], "not a blocklist"),
        (lambda d: b"PK\x03\x04" + d[4:], "not a blocklist"),
        (lambda d: d[:7] + b"\x02" + d[8:], "version"),
        (lambda d: d[:8] + b"\x09" + d[9:], "version"),
        (lambda d: d[:9] + b"\x01" + d[10:], "version"),
        (lambda d: d[:-1], "cut off"),
        (lambda d: d[:-8], "cut off"),
        (lambda d: d + b"x", "cut off or too long"),
        (lambda d: d[:-1] + bytes([d[-1] ^ 1]), "damaged"),
        (lambda d: d[:64] + d[72:80] + d[64:72] + d[80:], "damaged"),
    ],
)
def test_damaged_files_are_one_line_when_opened(
    tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    """Empty, short, foreign, of another version, cut, longer, altered: each has one clear message."""
    path = tmp_path / "list"
    build(path, WORDS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BlocklistUnreadable) as caught:
        Blocklist(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_the_same_kind_of_error(tmp_path: Path) -> None:
    """No OSError crosses the API."""
    with pytest.raises(BlocklistUnreadable, match="No such file"):
        Blocklist(tmp_path / "nowhere")
    with pytest.raises(BlocklistUnreadable):
        Blocklist(tmp_path)


def test_writing_replaces_in_one_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """A build that fails keeps the old file and removes its own."""
    path = tmp_path / "list"
    build(path, WORDS)
    before = path.read_bytes()
    with pytest.raises(BlocklistUnreadable, match="not ordered"):
        write(path, [5, 4], digest=EXACT_SHA1)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["list"]


def test_the_list_that_ships_is_whole_and_knows_the_usual_ones() -> None:
    """Thirty thousand common passwords and the first names."""
    common().check_whole()
    assert len(common()) >= 30_000
    assert common().digest == FOLDED_SHA256
    for word in ("password", "123456", "qwerty", "iloveyou", "charlotte", "dragon"):
        assert word in common()
    for word in ("correct horse battery staple", "kettleherring", ""):
        assert word not in common()


def download(*passwords: str, count: int = 3) -> list[bytes]:
    """Lines as in a download that is ordered by hash."""
    return sorted(
        hashlib.sha1(each.encode()).hexdigest().upper().encode() + b":%d\r\n" % count for each in passwords
    )


def test_a_download_becomes_a_breach_file(tmp_path: Path) -> None:
    """Exact spellings are found; the file says that it is one of SHA-1."""
    lines = download("hunter2 hunter2", "Tr0ub4dor", "ünïcode")
    assert build_from_download(lines, tmp_path / "b") == 3
    breached = BreachFile(tmp_path / "b")
    assert len(breached) == 3
    assert breached.holds("Tr0ub4dor")
    assert breached.holds("ünïcode")
    assert not breached.holds("tr0ub4dor")
    assert not breached.holds("\ud800")
    assert Blocklist(tmp_path / "b").at_least_15 == UNKNOWN


def test_rare_entries_can_be_left_out(tmp_path: Path) -> None:
    """min_count drops what was seen less often; a line without a count always stays."""
    lines = sorted(download("often", count=10) + download("rare", count=2) + [b"F" * 40 + b"\n"])
    assert build_from_download(lines, tmp_path / "b", min_count=5) == 2
    assert BreachFile(tmp_path / "b").holds("often")
    assert not BreachFile(tmp_path / "b").holds("rare")


def test_the_source_is_checked_line_by_line(tmp_path: Path) -> None:
    """A byte-order mark and empty lines pass; other text and a wrong order are named with the line."""
    good = download("one", "two", "three")
    assert build_from_download([b"\xef\xbb\xbf" + good[0], b"\n", *good[1:]], tmp_path / "b") == 3
    with pytest.raises(BlocklistUnreadable, match="line 2"):
        build_from_download([good[0], b"no hash\n"], tmp_path / "b")
    with pytest.raises(BlocklistUnreadable, match="not ordered"):
        build_from_download(reversed(good), tmp_path / "b")


def test_a_word_list_is_no_breach_file(tmp_path: Path) -> None:
    """Opening the wrong kind says so."""
    build(tmp_path / "list", WORDS)
    with pytest.raises(BlocklistUnreadable, match="list of words"):
        BreachFile(tmp_path / "list")


def test_the_range_service_sees_five_characters_of_a_digest() -> None:
    """k-anonymity: only the prefix leaves, padding does not count, a listed suffix does."""
    digest = hashlib.sha1(b"hunter2 hunter2").hexdigest().upper()
    padding = hashlib.sha1(b"padding").hexdigest().upper()
    asked: list[str] = []

    def fetch(prefix: str) -> str:
        asked.append(prefix)
        return f"{'0' * 35}:1\r\n{digest[5:]}:12\r\n{padding[5:]}:0\r\n"

    service = BreachRange(fetch=fetch)
    assert service.holds("hunter2 hunter2")
    assert not service.holds("another password")
    assert not service.holds("padding")
    assert not service.holds("\ud800")
    assert asked[0] == digest[:5]
    assert {len(each) for each in asked} == {5}


def test_a_service_that_fails_stops_nobody_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An error is one log line without password, digest or prefix."""

    def fetch(_prefix: str) -> str:
        raise OSError("hunter2 was asked about")

    with caplog.at_level(logging.WARNING):
        assert not BreachRange(fetch=fetch).holds("hunter2")
    assert [record.getMessage() for record in caplog.records] == [
        "breach range service gave no answer (OSError)"
    ]


def test_a_service_that_is_silent_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The wait ends at the limit, whatever the service does."""
    go = threading.Event()

    def fetch(_prefix: str) -> str:
        go.wait(30)
        return ""

    start = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert not BreachRange(fetch=fetch, time_limit=0.02).holds("hunter2")
    go.set()
    assert time.monotonic() - start < 10
    assert "too slow" in caplog.text
