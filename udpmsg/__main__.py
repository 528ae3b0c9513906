"""`python -m udpmsg`: the command `udpmsg` where it is not on the path."""

from udpmsg.cli.app import main

if __name__ == "__main__":
    main()
