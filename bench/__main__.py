"""`python -m bench NAME`: measure one figure beside its floor and peers; the last line is JSON."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def main() -> int:
    """Run one benchmark's `main`, or list them."""
    names = sorted(m.name for m in pkgutil.iter_modules(bench.__path__) if m.name[0] != "_")
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print("usage: python -m bench NAME, where NAME is one of:", *names, sep="\n  ")
        return 2
    importlib.import_module(f"bench.{sys.argv[1]}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
