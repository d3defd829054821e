"""The whole account: one journey a file, two faces, and the parts they work with.

    accounts = Accounts(account_parts(store, keys, site=Site(name="Shop", base_url="https://shop.example")))
    accounts.sign_up("ada@example.org", "seven lively walnut teapots")

``AsyncAccounts`` has the same methods, awaited. The names below are loaded when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secureacct.accounts.building import account_parts
    from secureacct.accounts.faces import Accounts, AsyncAccounts
    from secureacct.accounts.parts import AccountParts, Lifetimes, Site, Visit
    from secureacct.accounts.vault import ProfileField

__all__ = [
    "AccountParts",
    "Accounts",
    "AsyncAccounts",
    "Lifetimes",
    "ProfileField",
    "Site",
    "Visit",
    "account_parts",
]

_HOMES = {
    "AccountParts": "parts",
    "Accounts": "faces",
    "AsyncAccounts": "faces",
    "Lifetimes": "parts",
    "ProfileField": "vault",
    "Site": "parts",
    "Visit": "parts",
    "account_parts": "building",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
