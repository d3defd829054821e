"""Says which public name has a type that a checker must guess: ``python tests/typing/public_types.py``.

The answer is pyright's, in one line for each name; silent when all are known. Names without an annotation of
their own come first; those unknown only because of them are shown when the first are mended.

A store's methods are left out: ``x = in_tx(query)`` has the type of its query, and ``faces.py`` beside this
file holds each store to the protocol that declares it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STORES = "secureacct.stores."
STORE_TYPE = re.compile(r'(type|class) (is )?"[\w.]*(Sql|Redis|Memory)Store"')
OPEN = (  # said by classes of the standard library and of SQLAlchemy, not by ours
    "secureacct.logs.TextFormatter.",
    "secureacct.orm.sqlalchemy.core_type.EncryptedType",
)
PYRIGHT = Path(sys.executable).with_name("pyright")


def unknown_types() -> list[str]:
    """``name: why`` for each public symbol whose own type is not fully declared."""
    asked = subprocess.run(
        [PYRIGHT, "--ignoreexternal", "--outputjson", "--verifytypes", "secureacct"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(asked.stdout)["typeCompleteness"]
    except (ValueError, KeyError):
        return [f"pyright did not answer: {(asked.stderr or asked.stdout)[-500:]}"]
    if not answer["symbols"]:
        return ["pyright found no public name: it did not find the package"]
    found = [
        (symbol["name"], told["message"])
        for symbol in answer["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
        for told in symbol["diagnostics"][:1]
        if not (symbol["name"].startswith((STORES, *OPEN)) or STORE_TYPE.search(told["message"]))
    ]
    causes = [(name, why) for name, why in found if why.startswith("Type is missing")]
    return [f"{name}: {why.splitlines()[0]}" for name, why in causes or found]


if __name__ == "__main__":
    found = unknown_types()
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
