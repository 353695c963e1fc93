"""The command line: `python -m benchmarks [losses|classes|structures|slider|startup|book]`."""

import sys
from importlib import import_module

PARTS = ("losses", "classes", "structures", "slider", "startup", "book")


def main(arguments: list[str]) -> None:
    """Run the named parts, or all of them."""
    unknown = [name for name in arguments if name not in PARTS]
    if unknown:
        raise SystemExit(f"part: got {unknown[0]!r}, expected one of {', '.join(PARTS)}")
    for name in arguments or PARTS:
        print(f"== {name} ==", flush=True)
        print(import_module(f"benchmarks.{name}").run(), end="\n\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
