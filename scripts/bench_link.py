"""Measures the link and the comparison on this machine, and prints Markdown. Medians of several runs.

Frames a second through the router, how late a delayed frame leaves, how long the default comparison takes, and how large and
quick the page is.

Everything runs in the lab (Linux; no privilege) or in a headless browser. The machine should be idle: three processes share it.
"""

import argparse
import os
import platform
import select
import shutil
import socket
import statistics
import subprocess
import sysconfig
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any
from unittest import mock

from udpmsg.lab.lab import Lab
from udpmsg.lab.processes import Told
from udpmsg.lab.router import RouterLog, carry, packet_socket
from udpmsg.link.faults import Link, Path

PORT = 5000
COMMAND = str(FilePath(sysconfig.get_path("scripts")) / "udpmsg")
MILLISECOND = 1_000_000


def tcp_sink(told: Told, address: str) -> int:
    """Read one connection to its end; how many bytes came."""
    size = 0
    with socket.socket() as server:
        server.bind((address, PORT))
        server.listen()
        told.send("ready")
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(1 << 18):
                size += len(data)
    return size


def tcp_flood(told: Told, address: str, seconds: float) -> float:
    """Send as much as TCP takes; how long that was."""
    block = bytes(1 << 18)
    with socket.create_connection((address, PORT)) as client:
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            client.sendall(block)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
        return time.monotonic() - begun


def udp_sink(told: Told, address: str) -> int:
    """Read datagrams until told to stop; how many came."""
    count = 0
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, PORT))
        server.settimeout(0.05)
        told.send("ready")
        while not told.poll():
            try:
                while True:
                    server.recv(2048)
                    count += 1
            except TimeoutError:
                pass
    return count


def udp_paced(told: Told, address: str, size: int, rate: float, seconds: float) -> int:
    """Send so many datagrams a second; how many that were."""
    datagram = bytes(size)
    sent = 0
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((address, PORT))
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            due = int(passed * rate) - sent
            for _ in range(due):
                client.send(datagram)
            sent += max(0, due)
            time.sleep(0.0005)
    return sent


def bare(told: Told, link: Link, seed: int, interfaces: tuple[str, str], capture: bool) -> RouterLog:
    """The peer: a router that does nothing but read and write, and keeps no record."""
    sides = [packet_socket(name) for name in interfaces]
    watched: list[Any] = [*sides, told]
    told.send("ready")
    while told not in (ready := select.select(watched, (), ())[0]):
        for here, there in (sides, reversed(sides)):
            if here in ready:
                try:
                    for _ in range(64):
                        there.send(here.recv(70_000))
                except BlockingIOError:
                    pass
    told.recv()
    return RouterLog([], None, 0, array("q"))


def tcp_rate(seconds: float, carry: Callable[..., RouterLog]) -> float:
    """Megabits a second of one TCP connection that is held back by the router alone."""
    with mock.patch("udpmsg.lab.lab.carry", carry), Lab(Link(), seed=1) as lab:
        lab.receiver.call(tcp_sink, lab.address)
        lab.receiver.hear(10)
        lab.sender.call(tcp_flood, lab.address, seconds)
        duration: float = lab.sender.result(60)
        size: int = lab.receiver.result(60)
        lab.stop()
    return size * 8 / duration / 1e6


def tcp_frames(seconds: float) -> tuple[float, RouterLog]:
    """Frames a second, both ways together, of one TCP connection that is held back by the router alone."""
    with Lab(Link(), seed=1) as lab:
        lab.receiver.call(tcp_sink, lab.address)
        lab.receiver.hear(10)
        lab.sender.call(tcp_flood, lab.address, seconds)
        duration: float = lab.sender.result(60)
        lab.receiver.result(60)
        carried = lab.stop()
    return len(carried.frames) / duration, carried


def udp_frames(rate: float, seconds: float, link: Link, size: int = 64) -> tuple[int, int, RouterLog]:
    """Datagrams that were sent at this rate and that came, and the record."""
    with Lab(link, seed=1) as lab:
        lab.receiver.call(udp_sink, lab.address)
        lab.receiver.hear(10)
        lab.sender.call(udp_paced, lab.address, size, rate, seconds)
        sent: int = lab.sender.result(60)
        lab.settle()
        lab.receiver.tell("stop")
        came: int = lab.receiver.result(60)
        return sent, came, lab.stop()


def highest_rate(seconds: float) -> float:
    """The highest rate of 64-byte datagrams, found by halving, at which the router loses none (RFC 2544, 26.1)."""
    low, high = 10_000.0, 400_000.0
    while high / low > 1.05:
        rate = (low * high) ** 0.5
        sent, _, carried = udp_frames(rate, seconds, Link())
        if carried.overflowed or len(carried.frames) < sent or sent < 0.98 * rate * seconds:
            high = rate
        else:
            low = rate
    return low


def lateness(seconds: float) -> list[float]:
    """Milliseconds by which frames left too late, at 1,000 a second and 20 ms of delay: p50, p99, max."""
    path = Path(delay=20 * MILLISECOND)
    _, _, carried = udp_frames(1000, seconds, Link(path, path))
    late = sorted(carried.lateness)
    return [late[len(late) // 2] / MILLISECOND, late[len(late) * 99 // 100] / MILLISECOND, late[-1] / MILLISECOND]


def timed(*command: str) -> float:
    """Seconds from the prompt to the prompt."""
    begun = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def page(count: int, folder: FilePath) -> tuple[float, float | None]:
    """MiB of the page for so many messages, and seconds until a headless browser has drawn it (None: no browser)."""
    kept, html = folder / f"{count}.json", folder / f"{count}.html"
    if not kept.exists():
        interval = "20ms" if count <= 100 else "200us"
        timed(
            COMMAND, "compare", "--count", str(count), "--interval", interval, "--seed", "1", "--loss", "1%", "--keep", str(kept)
        )
        timed(COMMAND, "report", str(kept), "--html", str(html))
    size = html.stat().st_size / 2**20
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return size, None
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_page()
        begun = time.monotonic()
        tab.goto(html.as_uri(), wait_until="load")
        tab.wait_for_function("document.querySelectorAll('canvas').length > 0")
        tab.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        passed = time.monotonic() - begun
        browser.close()
    return size, passed


def medians(runs: int, measure: Callable[[], list[float]]) -> list[float]:
    """Of each figure, the median of so many runs."""
    return [statistics.median(column) for column in zip(*(measure() for _ in range(runs)), strict=True)]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="runs of each figure (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run (default: %(default)s)")
    parser.add_argument(
        "--pages", type=int, nargs="*", default=[100, 100_000], help="messages of the pages (default: 100 100000)"
    )
    options = parser.parse_args()
    seconds = options.seconds

    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores\n")
    print("| link | median |\n|---|---|")
    (tcp,) = medians(options.runs, lambda: [tcp_frames(seconds)[0]])
    print(f"| frames a second through the router, one TCP connection | {tcp:,.0f} |", flush=True)
    ours, peer = medians(options.runs, lambda: [tcp_rate(seconds, carry), tcp_rate(seconds, bare)])
    print(f"| the same in Mbit/s, through a bare loop of recv and send, ratio | {ours:,.0f}, {peer:,.0f}, {ours / peer:.2f} |")
    (udp,) = medians(min(options.runs, 3), lambda: [highest_rate(seconds / 2)])
    print(f"| frames a second through the router, 64-byte datagrams, none lost | {udp:,.0f} |", flush=True)
    p50, p99, most = medians(options.runs, lambda: lateness(seconds))
    print(f"| lateness of a delayed frame at 1,000 frames/s: p50, p99, max | {p50:.3f}, {p99:.3f}, {most:.3f} ms |", flush=True)
    (default,) = medians(options.runs, lambda: [timed(COMMAND, "compare")])
    print(f"| `udpmsg compare`, from the prompt to the prompt | {default:.1f} s |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for count in options.pages:
            size = 0.0
            times = []
            for _ in range(options.runs):
                size, opened = page(count, FilePath(folder))
                times.append(opened)
            drawn = "no browser here" if None in times else f"{statistics.median(t for t in times if t is not None):.2f} s"
            print(f"| page of {count:,} messages: size, opening time | {size:.1f} MiB, {drawn} |", flush=True)


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
