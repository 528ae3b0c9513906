"""Two `udpmsg` processes exchange a text file, line by line, in three ways, and their summaries stand side by side.

Owns the processes it starts, and ends them. Does not know the library: it only runs the installed command and reads its
JSON lines, as any script could.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = Path(sysconfig.get_path("scripts")) / "udpmsg"
SAMPLE = Path(__file__).resolve().parent.parent / "docs" / "sample" / "letters.txt"

WAYS = {
    "fire and forget": (["listen", "--once"], ["send", "127.0.0.1", "--wait", "0s"]),
    "acknowledged": (["listen", "--once"], ["send", "127.0.0.1", "--ack"]),
    "over TCP": (["listen", "--tcp", "--once"], ["send", "127.0.0.1", "--tcp", "--wait", "0s"]),
}
"""What each column is called, and the two commands that make it; a port that is free is added to both."""

NOW_TRY = (
    ("listen --interactive", "in one terminal: you answer"),
    ("send 127.0.0.1", "in another: each line is a message"),
    ("demo", "the lessons: each asks, runs, says why"),
    ("compare" if sys.platform == "linux" else "compare --via relay", "UDP beside TCP over a link that loses"),
)
"""What to type next, and what for."""

PATIENCE = 30.0
"""Seconds for one exchange; it takes well under one. After that its processes are ended and the demo fails."""

ROWS = (
    ("sender", "messages_sent", "messages sent"),
    ("sender", "messages_delivered", "messages confirmed"),
    ("sender", "retransmissions", "retransmissions"),
    ("sender", "rtt_s", "round-trip time, median"),
    ("sender", "duration_s", "time from first to last"),
    ("listener", "messages_delivered", "messages that arrived"),
    ("listener", "messages_lost", "messages lost"),
    ("listener", "duplicates", "duplicates suppressed"),
    ("listener", "kernel_drops", "dropped by the kernel"),
    ("listener", "payload_bytes", "bytes of text"),
)
"""The program that tells it, its key in the JSON summary, and what the table calls it."""


@dataclass
class Side:
    """One running udpmsg command: its JSON lines as they came, and its exit code."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    listening: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        """Read JSON lines until the command closes its output."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == "listening":
                self.listening.set()
        self.listening.set()

    def summary(self) -> dict[str, Any]:
        """The last line of every run."""
        if self.lines and self.lines[-1]["event"] == "summary":
            return self.lines[-1]
        raise SystemExit(f"demo: no summary came from {self.process.args!r}")


@contextlib.contextmanager
def running(*arguments: str, text: Path | None = None) -> Iterator[Side]:
    """A udpmsg command with `--json`, its output read beside us; it has ended when the block ends."""
    # Settings of the user's own (UDPMSG_PORT and so on) would change what is shown here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UDPMSG_")}
    with contextlib.ExitStack() as stack:
        stdin = stack.enter_context(text.open("rb")) if text else subprocess.DEVNULL
        process = subprocess.Popen(
            [str(COMMAND), *arguments, "--json"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        side = Side(process)
        words: list[str] = []
        assert process.stderr is not None
        readers = [
            threading.Thread(target=side.read, daemon=True),
            threading.Thread(target=words.extend, args=(process.stderr,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            yield side
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"demo: `udpmsg {' '.join(arguments)}` did not end within {PATIENCE:g} s") from None
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(3)
            if process.poll() is None:
                process.kill()
                process.wait()
            for reader in readers:
                reader.join(3)
            process.stdout.close()  # type: ignore[union-attr]
            process.stderr.close()
    if process.returncode:
        sys.stderr.writelines(words)
        raise SystemExit(f"demo: `udpmsg {' '.join(arguments)}` ended with exit code {process.returncode}")


def free_port() -> int:
    """A port of 127.0.0.1 that neither UDP nor TCP uses at this moment."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return int(udp.getsockname()[1])


def exchange(text: Path, listen: list[str], send: list[str]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """The sender's summary, the listener's, and the messages that arrived, in the order in which they arrived."""
    port = ("--port", str(free_port()))
    with running(*listen, *port, "--for", f"{PATIENCE:g}s") as listener:
        if not listener.listening.wait(PATIENCE) or not listener.lines:
            raise SystemExit("demo: the listener did not say that it listens")
        with running(*send, *port, text=text) as sender:
            pass
    arrived = [str(line["text"]) for line in listener.lines if line["event"] == "message"]
    return sender.summary(), listener.summary(), arrived


def shown(value: Any, key: str) -> str:
    """A value of a summary as the table has it; what nobody can know is a dash."""
    if isinstance(value, dict):
        value = value["p50"]
    if value is None:
        return "–"
    if key.endswith("_s"):
        return f"{value * 1000:.2f} ms"
    return f"{value:,}"


def typed_here() -> str:
    """The command as one types it here: its name where that is enough, else the shortest path."""
    found = shutil.which("udpmsg")
    if found is not None and Path(found).resolve() == COMMAND.resolve():
        return "udpmsg"
    with contextlib.suppress(ValueError):  # Windows: another drive
        return min(os.path.relpath(COMMAND), str(COMMAND), key=len)
    return str(COMMAND)


def main() -> None:
    """Run the three exchanges and print them side by side; exit 1 if a text did not arrive whole where it must."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("text", nargs="?", type=Path, default=SAMPLE, help="a text file (default: %(default)s)")
    text: Path = parser.parse_args().text
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the dash shows a question mark
    try:
        with text.open(encoding="utf-8", newline="\n") as lines:
            sent = [line.removesuffix("\n") for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"demo: cannot read {text} as a text: {error}") from None

    print(f"Sending {text.name} ({len(sent)} lines, one message each) in three ways:\n")
    columns = []
    for name, (listen, send) in WAYS.items():
        print(f"  {name:<18}udpmsg {' '.join(listen)}")
        print(f"  {'':<18}udpmsg {' '.join(send)} < {text.name}", flush=True)
        columns.append(exchange(text, listen, send))

    def row(who: str, label: str, values: Iterable[str]) -> None:
        figures = "".join(f"{value:>{max(len(name), 10) + 2}}" for name, value in zip(WAYS, values, strict=True))
        print(f"{who:<9}{label:<24}{figures}")

    print()
    row("", "", WAYS)
    for who, key, label in ROWS:
        row(who, label, (shown((sender if who == "sender" else listener)[key], key) for sender, listener, _ in columns))
    whole = [arrived == sent for _, _, arrived in columns]
    row("", "the text arrived whole", ("yes" if complete else "no" for complete in whole))
    print("\n–  not known. Fire and forget hears nothing back,\n   and TCP keeps its retransmissions to itself.")
    if not all(whole[1:]):
        raise SystemExit("demo: a text that had to arrive whole did not")

    print("\nNow try:\n")
    for arguments, purpose in NOW_TRY:
        print(f"  {typed_here()} {arguments:<21}# {purpose}")


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
