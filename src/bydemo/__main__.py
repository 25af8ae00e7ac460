"""`python -m bydemo` is the command line."""

from __future__ import annotations

import sys

from bydemo.cli import main

if __name__ == "__main__":
    sys.argv[0] = "bydemo"  # what run folders name as the command that made them
    sys.exit(main())
