"""Re-encrypting columns while the application runs, and taking over values that are not ours yet.

Rules of this package: no row is locked while cryptography runs; a row is written only if it still holds
what was read (compare and swap), so no write of the application is lost; a range of rows and its mark
are one transaction, so a killed worker costs that range; what cannot be read is listed and left alone;
a value is taken for plain text or for another library's only because of the column or flag it stands in,
never because of how it looks.
"""

from __future__ import annotations

from secureacct.orm.rotation.columns import RotatedColumn, Source
from secureacct.orm.rotation.run import Progress, Report, Rotation

__all__ = ["Progress", "Report", "RotatedColumn", "Rotation", "Source"]
