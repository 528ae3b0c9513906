"""Runs a command on a terminal of its own and prints what it showed there as an SVG: how docs/comparison.svg is made.

python scripts/picture.py udpmsg compare --count 60 --loss 8% --seed 3 > docs/comparison.svg
With UDPMSG_LANG=pt-BR, docs/comparison.pt-BR.svg.
"""

import argparse
import fcntl
import io
import os
import pty
import shlex
import struct
import subprocess
import termios

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS = 92
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" \
aria-label="A comparison, as a terminal shows it">
<style>
.{unique_id}-matrix {{ font: {char_height}px "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own asks a server for a font; this one takes what is there."""


def main() -> None:
    """Run it, and print the picture of all that it wrote."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    command = parser.parse_args().command
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(shown(command)))
    print(console.export_svg(title=shlex.join(command), theme=MONOKAI, code_format=FORMAT, unique_id="comparison"), end="")


def shown(command: list[str]) -> str:
    """What the command writes to its standard output, a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 100, COLUMNS, 0, 0))
    with subprocess.Popen(command, stdout=theirs) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 1 << 16):
                parts.append(part)
        except OSError:
            pass  # Linux' way to say that nobody writes to a terminal any more
    os.close(ours)
    if process.returncode:
        raise SystemExit(process.returncode)
    return b"".join(parts).decode().replace("\r\n", "\n")


if __name__ == "__main__":
    main()
