"""Waits of a month and more, in every command that has one: they begin, do their work meanwhile, and end with Ctrl-C."""

import socket

import pytest

from tests.cli.conftest import Commands, Running

MONTH, CENTURY = "720h", "876000h"
"""More than 2^31 milliseconds, which is what a selector takes; and nearly the most that an option takes."""


def interrupted(running: Running) -> None:
    running.signal()
    assert running.wait() == 130


@pytest.mark.parametrize("option", ["--for", "--idle"])
@pytest.mark.parametrize("time", [MONTH, CENTURY])
def test_listen(commands: Commands, option: str, time: str) -> None:
    listener = commands.listen(option, time)
    commands.send(listener.address, "hello")
    listener.out.wait_for('"hello"')
    interrupted(listener)


@pytest.mark.parametrize("options", [["--for", MONTH], ["--delay", MONTH], ["--for", CENTURY, "--delay", CENTURY]], ids=" ".join)
def test_relay(commands: Commands, options: list[str]) -> None:
    relay = commands.start("relay", "0", "127.0.0.1:9", "--link", "none", "--reorder", "100%", "--json", *options)
    relay.out.wait_for('"relaying"')
    port = relay.events("relaying")[0]["port"]
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"hello", ("127.0.0.1", port))
        relay.out.wait_for('"held_back"')
    interrupted(relay)


@pytest.mark.parametrize(
    "options",
    [
        ["--wait", MONTH],
        ["--wait", CENTURY, "--ack", "--deadline", CENTURY, "--min-rto", CENTURY],
        ["--count", "2", "--interval", MONTH],
        ["--count", "2", "--rate", "0.0001/h"],
        ["--count", "2", "--rate", f"0.{'0' * 300}1/h"],
    ],
    ids=lambda options: " ".join(options)[:50],
)
def test_send(commands: Commands, options: list[str]) -> None:
    listener = commands.listen()
    sender = commands.start("send", listener.address, "hello", *options)
    listener.out.wait_for('"hello"')
    interrupted(sender)


@pytest.mark.parametrize("options", [["--wait", MONTH], ["--interval", MONTH, "--wait", MONTH]], ids=" ".join)
def test_lines(commands: Commands, options: list[str]) -> None:
    listener = commands.listen()
    sender = commands.start("send", listener.address, *options, stdin=-1)
    sender.type("one\ntwo\n")
    sender.end_input()
    listener.out.wait_for('"one"')
    interrupted(sender)


@pytest.mark.parametrize("mode", ["udp+ack", "tcp"])
def test_compare(commands: Commands, mode: str) -> None:
    listener = commands.listen("--both")
    compared = commands.start("compare", listener.address, "--modes", mode, "--count", "1", "--deadline", MONTH, "--late", MONTH)
    assert compared.wait() == 0


def test_demo(commands: Commands) -> None:
    lesson = commands.start("demo", "boundaries", "--slow", MONTH)
    lesson.out.wait_for("The run")
    interrupted(lesson)
