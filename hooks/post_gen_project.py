"""Says what to type next. Makes nothing: no secret, no program started, no file changed."""

from __future__ import annotations

import os
import sys

PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


def next_steps(folder: str, windows: bool) -> str:
    """Two commands to copy, and what each is good for."""
    if windows or set(folder) <= PLAIN:
        quoted = f'"{folder}"' if windows else folder
    else:
        import shlex

        quoted = shlex.quote(folder)
    return (
        f"\n  cd {quoted}\n"
        "  make run     a call center on this machine: no account, no server, no secret to fill in\n"
        "  make test    its tests, also on a real PostgreSQL and Valkey\n"
    )


def main() -> None:
    """Print them on stderr: stdout belongs to the program that bakes, and `cruft diff` prints a patch there."""
    # stderr escapes what the terminal cannot show; an error here would remove the project.
    print(next_steps(os.getcwd(), windows=os.name == "nt"), file=sys.stderr)


if __name__ == "__main__":
    main()
