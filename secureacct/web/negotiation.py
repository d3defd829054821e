"""HTML for people, JSON for programs, on the same paths; and reading what was posted.

Rules of this file: a body is JSON only if it says so; an answer is JSON if the body was, or if Accept
prefers it (``*/*`` is HTML); every value of a form is text that Unicode can write down; whatever a
client sends ends in one of our errors and never in anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from secureacct.errors import InvalidInput
from secureacct.web.http import Request

MAX_FIELDS = 50  # fields of a form; ours
CEREMONIES = frozenset({"credential"})  # fields that hold an object: what an authenticator answered
MAX_DEPTH_CHARS = 64  # brackets a JSON form may open: it is flat, so a deep one is refused unread


class BodyTooLarge(InvalidInput):
    """The body is larger than any form of ours."""

    code = "body_too_large"
    http_status_hint = 413
    public_message = "That is more than this page takes."


class BodyUnreadable(InvalidInput):
    """The body is not what its type says."""

    code = "body_unreadable"
    http_status_hint = 400
    public_message = "We could not read what was sent."


class BodyOfOtherType(InvalidInput):
    """Neither a form nor JSON."""

    code = "body_of_other_type"
    http_status_hint = 415
    public_message = "Send a form, or JSON."


class FieldOfOtherType(InvalidInput):
    """A field holds something that is not text (or, for a box to tick, a truth value)."""

    code = "field_of_other_type"
    http_status_hint = 422
    public_message = "One of the fields holds something that is not text."


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted: names to texts."""

    values: Mapping[str, str] = field(repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)  # JSON as it came, for ceremonies

    def text(self, name: str) -> str:
        """A field's text; empty if it is not there."""
        return self.values.get(name, "")

    def given(self, name: str) -> str | None:
        """A field's text; None if it is not there."""
        return self.values.get(name)

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked: there, and none of "", "0", "false", "off"."""
        return self.values.get(name, "").lower() not in ("", "0", "false", "off")


EMPTY = Form({})


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    return _media_type(request) == "application/json"


def wants_json(request: Request) -> bool:
    """Whether the answer shall be JSON."""
    if is_json(request):
        return True
    accept = request.header("accept")
    if not accept:
        return False
    weights = {"application/json": -1.0, "text/html": -1.0, "*/*": -1.0}
    for part in accept.split(",")[:32]:
        kind, _, parameters = part.partition(";")
        kind = kind.strip().lower()
        if kind in ("application/problem+json", "application/json"):
            kind = "application/json"
        elif kind in ("application/xhtml+xml", "text/*"):
            kind = "text/html"
        if kind in weights:
            weights[kind] = max(weights[kind], _quality(parameters))
    html = weights["text/html"] if weights["text/html"] >= 0 else weights["*/*"]
    return weights["application/json"] > max(html, 0.0)


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value.strip())
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0


def read_form(request: Request) -> Form:
    """The posted form, as a form or as JSON.

    :raises BodyTooLarge, BodyUnreadable, BodyOfOtherType, FieldOfOtherType: it cannot be read.
    """
    if request.too_large:
        raise BodyTooLarge
    kind = _media_type(request)
    if kind == "application/json":
        return _from_json(request.body)
    if kind == "application/x-www-form-urlencoded":
        return _from_urlencoded(request.body)
    if not request.body:
        return EMPTY
    raise BodyOfOtherType


def _media_type(request: Request) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


def _from_urlencoded(body: bytes) -> Form:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise BodyUnreadable from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise BodyUnreadable  # two of one name: which one a rule looked at must never be a question
        values[name] = value
    return Form(values)


def _from_json(body: bytes) -> Form:
    if not body.strip():
        return EMPTY
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH_CHARS:
        raise BodyUnreadable
    try:
        data = json.loads(body)
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is a ValueError here
    except (ValueError, RecursionError):
        raise BodyUnreadable from None
    if not isinstance(data, dict) or len(data) > MAX_FIELDS:
        raise BodyUnreadable
    values: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, bool):
            values[name] = "1" if value else ""
        elif isinstance(value, str):
            values[name] = value
        elif value is not None and not (isinstance(value, dict) and name in CEREMONIES):
            raise FieldOfOtherType
    return Form(values, data)
