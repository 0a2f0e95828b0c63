"""`python -m finops.sample` writes the sample company; with `--check`, it says what a fresh run would write otherwise."""

from __future__ import annotations

import sys

from finops.sample import build, differences, folder


def main(arguments: list[str]) -> int:
    """Exit code 1 where a kept file differs, 2 where the call is wrong."""
    if arguments == ["--check"]:
        changed = differences()
        for name in changed:
            sys.stderr.write(f"differs: {name}\n")
        return 1 if changed else 0
    if arguments:
        sys.stderr.write("usage: python -m finops.sample [--check]\n")
        return 2
    build(folder())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
