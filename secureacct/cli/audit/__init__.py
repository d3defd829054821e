"""``secureacct audit``: seal, verify, tail, export and prune the security log.

Rules of this file: it reads options and prints; the work is done in :mod:`secureacct.audit`. Exit code 0:
all is well; 1: the log is not what it was; 2: the command could not do its work. Whatever comes from the
log is escaped before it reaches a terminal.
"""

from secureacct.cli.audit import checking, reading, sealing
from secureacct.cli.audit.opening import group

__all__ = ["checking", "group", "reading", "sealing"]
