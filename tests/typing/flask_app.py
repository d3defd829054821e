"""What type checkers must see in an app on Flask. Never run; mypy and pyright read it.

A line marked ``type: ignore`` is a mistake that must stay one: both checkers fail when it is none any more.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from secureacct.accounts.outcomes import Person
from secureacct.flask import (
    ProfileField,
    SecureAcct,
    check_csrf,
    current_account,
    get_account,
    require,
    require_account,
    require_proof,
    sign_in_required,
)
from secureacct.sessions import SessionPolicy

shop = Blueprint("shop", __name__)
shop.before_request(check_csrf)
SecureAcct(profile=[ProfileField(name="phone", label="Phone")], sessions=SessionPolicy())
SecureAcct(profil=())  # type: ignore[call-arg]
SecureAcct(Flask("shop"))  # type: ignore[arg-type]


@shop.get("/orders/<int:number>")
@sign_in_required
def order(number: int) -> str:
    """A guarded view keeps its parameters, and may answer with the guard's redirect."""
    assert_type(require_account(), Person)
    assert_type(get_account(), Person | None)
    assert_type(current_account.email, str)
    return str(number)


@shop.post("/orders")
@require(level=2, max_age=timedelta(minutes=5))
def place() -> tuple[str, int]:
    """What a view gives back stays what it is."""
    assert_type(require_proof(level=2), Person)
    return "", 201


@shop.get("/later")
@sign_in_required
async def later() -> str:
    """An ``async def`` is a plain view outside."""
    return ""


def kept() -> None:
    """The guards' types."""
    assert_type(order(number=1), str | Response)
    assert_type(place(), tuple[str, int] | Response)
    assert_type(later(), str | Response)
    order("1")  # type: ignore[arg-type]
