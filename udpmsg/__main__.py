"""The program's first step, for the command `udpmsg` and for `python -m udpmsg`: what a signal does until our handlers stand.

Nobody else imports this module: a library leaves signals alone.
"""

import _signal  # type: ignore[import-not-found]  # `signal` makes enumerations first, and Ctrl-C would find it at that

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # else whoever started us has Ctrl-C ignored
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # nothing is begun: it ends at once, without a traceback


def main() -> None:
    """Run the command line."""
    from udpmsg.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
