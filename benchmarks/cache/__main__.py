"""`python -m benchmarks.cache [hit|invalidate|stampede|day|faults …] [--full]`; 1 when a limit is not met."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from typing import Final

PARTS: Final = ("hit", "invalidate", "stampede", "day", "faults")


def main() -> int:
    """All parts, or those that are named, each in this process, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cache", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="|".join(PARTS))
    parser.add_argument("--full", action="store_true", help="a million keys for the peers too")
    parser.add_argument("--small", action="store_true", help="as little as shows the counts, for tests: as JSON")
    options = parser.parse_args()
    wanted = options.parts or PARTS
    if len(wanted) > 1:
        return _one_process_each(wanted, full=options.full)
    if options.small:
        print(json.dumps(importlib.import_module(f".{wanted[0]}", __package__).small()))
        return 0
    met: bool = importlib.import_module(f".{wanted[0]}", __package__).main(full=options.full)
    return 0 if met else 1


def _one_process_each(parts: list[str] | tuple[str, ...], *, full: bool) -> int:
    """A part's servers, settings and caches are its own."""
    more = ["--full"] if full else []
    codes = [subprocess.run([sys.executable, "-m", __package__, part, *more], check=False).returncode for part in parts]
    failed = [part for part, code in zip(parts, codes, strict=True) if code]
    print(f"\nNot all limits were met: {', '.join(failed)}" if failed else "\nAll limits were met.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
