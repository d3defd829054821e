"""``python -m secureacct``."""

from secureacct.cli import main

main()
