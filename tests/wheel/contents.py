"""Says what a wheel lacks, and what it should not have: ``python tests/wheel/contents.py SOURCE WHEEL``."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PACKAGE = "secureacct"
NOT_SHIPPED = {"__pycache__"}
NOT_SHIPPED_ENDINGS = {".pyc", ".pyo"}


def shipped(source: Path) -> set[str]:
    """Every file of the package folder: code, type marker, templates, styles, data."""
    return {
        file.relative_to(source).as_posix()
        for file in (source / PACKAGE).rglob("*")
        if file.is_file()
        and not NOT_SHIPPED.intersection(file.parts)
        and file.suffix not in NOT_SHIPPED_ENDINGS
    }


def problems(source: Path, wheel: Path) -> list[str]:
    """One line for each file that is missing from the wheel or does not belong in it."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    metadata = {name for name in held if name.split("/")[0].endswith(".dist-info")}
    wanted = shipped(source)
    found = [f"missing from the wheel: {name}" for name in sorted(wanted - held)]
    found += [f"does not belong in the wheel: {name}" for name in sorted(held - wanted - metadata)]
    for ending in ("METADATA", "entry_points.txt", "licenses/LICENSE"):
        if not any(name.endswith(ending) for name in metadata):
            found.append(f"missing from the wheel's metadata: {ending}")
    return found


if __name__ == "__main__":
    found = problems(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
