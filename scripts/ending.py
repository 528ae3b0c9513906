"""How a script ends: its exit code, and no traceback where standard output can't have all of its text."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def end_with(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's `main` and end the process with its exit code; 1 where its output could not be written."""
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whose reader has seen enough, as `head` does
            print(f"{name}: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python still has to write, and would complain about
        code = 1
    sys.exit(code)
