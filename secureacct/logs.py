"""Log lines that cannot lie and hold no secret: standard ``logging``, one shape, values escaped.

Rule 1: an event has a stable name ("throttle.refused") and typed fields; there is no free text.
Rule 2: a value is shown only if its type is known to be harmless; bytes, containers, exceptions and
        everything wrapped in :class:`Hidden` appear as their type. What a person typed into a form
        is wrapped, because people type passwords into the wrong field.
Rule 3: whatever is shown stays on one line: controls, ANSI sequences, bidi marks and line
        separators are escaped (ASVS 5 V16.4.1).
The library adds no handler of its own; ``JsonFormatter`` and ``TextFormatter`` are for the app's.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any, Final, Literal

MOST_CHARACTERS: Final = 256  # characters of one value; longer ones are cut and say so
HIDDEN_NAMES: Final = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "code", "otp", "cookie", "set_cookie"}
    | {"authorization", "csrf", "csrf_token", "key", "pepper", "recovery_code"}
)

Level = Literal["debug", "info", "warning", "error"]
_LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

logging.getLogger("secureacct").addHandler(logging.NullHandler())


class Hidden:
    """Something that may be passed about and never shown: what was typed, a token, a key."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> object:
        """The value itself. The name of this method is the warning."""
        return self._value

    def __repr__(self) -> str:
        return "<hidden>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<hidden>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a hidden value is not pickled")


def logger(topic: str) -> logging.Logger:
    """The logger of one topic: ``secureacct.<topic>``."""
    return logging.getLogger(f"secureacct.{topic}")


def event(log: logging.Logger, name: str, *, level: Level = "info", **fields: object) -> None:
    """Write one event. ``fields`` are shown by the rules above; a record also carries them as
    ``record.event`` and ``record.fields`` for formatters."""
    number = _LEVELS[level]
    if not log.isEnabledFor(number):
        return
    shown = {key: _shown(key, value) for key, value in fields.items()}
    line = " ".join([name, *(f"{key}={_text(value)}" for key, value in shown.items())])
    log.log(number, "%s", line, extra={"event": name, "fields": shown})


_last_told: dict[tuple[str, str], float] = {}
_told_lock = threading.Lock()


def event_at_most(
    log: logging.Logger, name: str, *, every_s: float, now: float, level: Level = "info", **fields: object
) -> bool:
    """The same, but no more often than every ``every_s`` seconds for a name; whether it was written.

    ``now`` is seconds on any clock that the caller always uses."""
    with _told_lock:
        last = _last_told.get((log.name, name))
        if last is not None and 0 <= now - last < every_s:
            return False
        _last_told[(log.name, name)] = now
    event(log, name, level=level, **fields)
    return True


def escape(text: str, *, most: int | None = MOST_CHARACTERS) -> str:
    """The text on one line: everything that is not plainly printable becomes an escape, backslash
    included, so that two different texts never look the same."""
    cut = most is not None and len(text) > most
    if cut:
        text = text[:most]
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text + "…" if cut else text
    out = "".join(_escaped(character) for character in text)
    return out + "…" if cut else out


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _shown(key: str, value: object) -> object:
    if key.lower() in HIDDEN_NAMES:
        return "<hidden>"
    if value is None or isinstance(value, bool | int | float):
        return value
    if type(value) is str:
        return escape(value)
    if isinstance(value, BaseException):
        return str(getattr(value, "code", type(value).__name__))
    return f"<{type(value).__name__}>"


def _text(value: object) -> str:
    if isinstance(value, str):
        if value and not any(character in ' "=' for character in value):
            return value
        return '"' + value.replace('"', '\\"') + '"'
    return "-" if value is None else str(value)


class TextFormatter(logging.Formatter):
    """One escaped line per record, tracebacks included, whoever wrote the record."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        return escape_once(super().format(record), is_event=hasattr(record, "event") and not record.exc_info)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ``at`` (UTC, RFC 3339), ``level``, ``logger``, ``event``, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII JSON."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "at": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        name = getattr(record, "event", None)
        if name is not None:
            line["event"] = name
            line["fields"] = getattr(record, "fields", {})
        else:
            line["message"] = escape(record.getMessage(), most=None)
        if record.exc_info:
            line["error"] = escape(self.formatException(record.exc_info), most=None)
        return json.dumps(line, ensure_ascii=True)


def escape_once(line: str, *, is_event: bool) -> str:
    """Escape a finished line, leaving the escapes of an event of ours as they are."""
    return line if is_event else escape(line, most=None)
