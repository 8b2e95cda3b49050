"""python -m firstfix: the program `firstfix`, in this process' place."""
from __future__ import annotations

import os
import sys


def main() -> None:
    """Execute the program that came with this package."""
    from firstfix import _program

    try:
        program = _program.path()
        os.execv(program, [program, *sys.argv[1:]])
    except (_program.ProgramError, OSError) as error:
        sys.stderr.write(f"firstfix: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
