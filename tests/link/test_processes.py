"""Children that do as they are told, and end when nobody tells them anything more."""

import os
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

import pytest

from udpmsg.base.errors import UsageError
from udpmsg.lab.processes import Child, ChildFailed, Told, live, start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="children are forked, and only POSIX systems fork")

PATIENCE = 20.0
"""Seconds that anything here may take; nothing takes a second."""


def double(told: Told, number: int) -> int:
    return 2 * number


def count(told: Told, most: int) -> str:
    for number in range(most):
        told.send(number)
    return "counted"


def echo(told: Told) -> str:
    return f"heard {told.recv()}"


def wait_for_anything(told: Told) -> bool:
    told.send("waiting")
    return told.poll(PATIENCE)


def refuse(told: Told) -> None:
    raise UsageError("not like this")


def stumble(told: Told) -> None:
    raise ZeroDivisionError


def descriptors(told: Told) -> list[str]:
    return sorted(name for name in os.listdir("/proc/self/fd") if int(name) > 2)


@pytest.fixture
def child():
    started = start("helper")
    yield started
    started.end()


def test_it_runs_one_function_after_another(child: Child) -> None:
    for number in (1, 21):
        child.call(double, number)
        assert child.result(PATIENCE) == 2 * number


def test_what_it_says_on_the_way_is_heard_before_the_result(child: Child) -> None:
    child.call(count, 3)
    said: list[int] = []
    assert child.result(PATIENCE, meanwhile=said.append) == "counted"
    assert said == [0, 1, 2]


def test_it_can_be_told_something_while_it_works(child: Child) -> None:
    child.call(wait_for_anything)
    assert child.hear(PATIENCE) == "waiting"
    child.tell("now")
    assert child.result(PATIENCE) is True


def test_what_it_is_told_after_its_work_is_for_nobody(child: Child) -> None:
    child.call(double, 1)
    assert child.result(PATIENCE) == 2
    child.tell("too late")
    child.call(double, 2)
    assert child.result(PATIENCE) == 4


def test_a_result_is_kept_until_it_is_asked_for(child: Child) -> None:
    child.call(count, 2)
    said: list[int] = []
    while not child.finished(PATIENCE, said.append):
        pass
    assert said == [0, 1]
    assert child.result() == "counted"


def test_an_answer_that_does_not_come_is_told(child: Child) -> None:
    child.call(echo)
    assert child.hear(0.01) is None
    with pytest.raises(ChildFailed, match=r"helper did not end its work within 0\.01 s"):
        child.result(0.01)
    child.tell("it")
    assert child.result(PATIENCE) == "heard it"


def test_an_error_of_ours_is_raised_here_as_it_is(child: Child) -> None:
    child.call(refuse)
    with pytest.raises(UsageError, match=r"^not like this$"):
        child.result(PATIENCE)
    child.call(double, 2)  # and it lives on
    assert child.result(PATIENCE) == 4


def test_any_other_error_comes_with_where_it_happened(child: Child) -> None:
    child.call(stumble)
    with pytest.raises(ChildFailed, match=r"(?s)the helper failed:.*in stumble.*ZeroDivisionError"):
        child.result(PATIENCE)


def test_one_that_was_killed_is_noticed(child: Child) -> None:
    child.call(echo)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ChildFailed, match="the helper ended unexpectedly"):
        child.result(PATIENCE)


def test_ctrl_c_is_left_to_the_parent(child: Child) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGINT)
    child.call(double, 4)
    assert child.result(PATIENCE) == 8


def test_ctrl_c_at_the_fork_is_left_to_the_parent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> NoReturn:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            live(*arguments)
        except KeyboardInterrupt:
            os._exit(1)

    monkeypatch.setattr("udpmsg.lab.processes.live", interrupted)
    child = start("helper")
    child.call(double, 4)
    assert child.result(PATIENCE) == 8
    child.end()


def test_a_preparation_that_fails_is_the_first_result() -> None:
    def prepare() -> None:
        raise UsageError("cannot begin")

    child = start("helper", prepare=prepare)
    with pytest.raises(UsageError, match="cannot begin"):
        child.result(PATIENCE)
    child.end()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc/self/fd is Linux' own")
def test_it_holds_nothing_open_but_its_connection(child: Child) -> None:
    other = start("other")
    other.call(descriptors)
    assert len(other.result(PATIENCE)) == 2  # the connection, and the folder that it is looking at
    other.end()


def test_one_that_does_not_end_by_itself_is_killed(child: Child) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    pid = child.pid
    child.end(grace=0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


PARENT = """
import time
from udpmsg.lab.processes import start
from tests.link.test_processes import wait_for_anything
child = start("helper")
child.call(wait_for_anything)
child.hear(20)
print(child.pid, flush=True)
time.sleep(20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent was killed")
def test_it_ends_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + PATIENCE
    while os.path.exists(f"/proc/{pid}/stat") and " Z " not in stat_of(pid):
        assert time.monotonic() < until, "the child outlives its parent"
        time.sleep(0.01)


def stat_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read()
    except OSError:
        return " Z "
