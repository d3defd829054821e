"""A person's data as a zip: JSON for programs, HTML for people, written as it is read.

Rules of this file: memory does not grow with the data; a table is cut into parts of 500 rows, each a
JSON and an HTML file side by side, so one pass over the rows makes both; what is text stays text, and
nothing in a value can become markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from secureacct.commitments.holdings import Facts, Holding

PART_ROWS = 500  # rows a file
ZIP_EPOCH = 315_619_200  # seconds: 1980-01-02, the format knows nothing earlier (APPNOTE 4.4.6)
FLUSH_BYTES = 256 * 1024  # bytes of archive handed on at a time

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}"
)


@dataclass(slots=True)
class ArchiveProgress:
    """How far the writing is."""

    tables_done: int = 0
    rows: int = 0
    size: int = 0  # bytes


@dataclass(slots=True)
class _Outgoing(io.RawIOBase):
    """Where zipfile writes to: bytes wait here until they are handed on. Cannot seek, by design."""

    waiting: bytearray = field(default_factory=bytearray)

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Take all of it."""
        self.waiting += data
        return len(data)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: bytes in base64, moments in RFC 3339, anything unknown as text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return str(value)


def moment(seconds: int | None) -> str | None:
    """Seconds since the epoch, for people."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    ).encode()


def _table(rows: Sequence[Facts]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in columns)
    lines = []
    for row in rows:
        cells = []
        for column in columns:
            value = plain(row.get(column))
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            cells.append(f"<td>{html.escape('' if value is None else text)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


class _Writer:
    def __init__(self, at: int) -> None:
        self.out = _Outgoing()
        self.zip = zipfile.ZipFile(self.out, "w", zipfile.ZIP_DEFLATED)
        self.members: list[dict[str, Any]] = []
        self._date = datetime.fromtimestamp(max(at, ZIP_EPOCH), UTC).timetuple()[:6]

    def add(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, date_time=self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self.zip.writestr(info, data)
        self.members.append({"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})

    def take(self, *, everything: bool = False) -> bytes:
        if not everything and len(self.out.waiting) < FLUSH_BYTES:
            return b""
        data = bytes(self.out.waiting)
        self.out.waiting.clear()
        return data


async def archive(
    holdings: Iterable[Holding], account_id: str, *, site: str, at: int, progress: ArchiveProgress
) -> AsyncIterator[bytes]:
    """The archive of one person, in pieces of about 256 KiB.

    :param site: the site's name, for the first page.
    :param at: seconds since the epoch.
    :param progress: brought up to date before each piece.
    """
    writer = _Writer(at)
    contents: list[dict[str, Any]] = []
    for holding in holdings:
        total, parts = 0, []
        async for number, rows in _parts(holding, account_id):
            name = f"{holding.name}-{number:04d}"
            facts = [{key: plain(one) for key, one in row.items()} for row in rows]
            writer.add(f"data/{name}.json", json.dumps(facts, ensure_ascii=False, indent=1).encode())
            writer.add(f"pages/{name}.html", _page(f"{holding.title}, part {number}", _table(facts)))
            parts.append(name)
            total += len(rows)
            progress.rows += len(rows)
            if piece := writer.take():
                progress.size += len(piece)
                yield piece
        contents.append(
            {
                "name": holding.name, "title": holding.title, "words": holding.words, "rows": total,
                "parts": parts, "kept_when_you_leave": holding.kept,
            }
        )  # fmt: skip
        progress.tables_done += 1
    writer.add("index.html", _page(f"Your data at {site}", _contents(contents, at)))
    manifest = {"format": "secureacct/export/1", "site": site, "made_at": moment(at), "tables": contents}
    writer.add("manifest.json", json.dumps({**manifest, "files": writer.members}, indent=1).encode())
    writer.zip.close()
    piece = writer.take(everything=True)
    progress.size += len(piece)
    yield piece


async def _parts(holding: Holding, account_id: str) -> AsyncIterator[tuple[int, list[Facts]]]:
    if holding.rows is None:
        return
    number, rows = 0, []
    async for row in holding.rows(account_id):
        rows.append(row)
        if len(rows) == PART_ROWS:
            number += 1
            yield number, rows
            rows = []
    if rows:
        yield number + 1, rows


def _contents(contents: Sequence[Mapping[str, Any]], at: int) -> str:
    lines = [
        f"<p>Made at {html.escape(moment(at) or '')}. The same data is in <code>data/</code> as JSON.</p>"
    ]
    for one in contents:
        links = ", ".join(f'<a href="pages/{name}.html">{name}</a>' for name in one["parts"]) or "nothing"
        kept = f"<p>Kept when you leave: {html.escape(one['kept_when_you_leave'])}</p>"
        lines.append(
            f"<h2>{html.escape(one['title'])}</h2><p>{html.escape(one['words'])}</p>"
            f"<p>{one['rows']} rows: {links}</p>{kept if one['kept_when_you_leave'] else ''}"
        )
    return "".join(lines)
