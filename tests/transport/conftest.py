"""Fixtures of the stories over real sockets. Every test gives all descriptors and threads back."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.transport.support import LOOPBACK, Answer, Listener, VirtualClock, descriptors, impatient_selector
from udpmsg import Receiver
from udpmsg.core import receiver as _  # noqa: F401 - imported before descriptors are counted
from udpmsg.sockets import waiting as waiting_module


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """Every story that asks for it is told twice."""
    return str(request.param)


@pytest.fixture(autouse=True)
def everything_is_given_back() -> Iterator[None]:
    before, threads = descriptors(), threading.active_count()
    yield
    assert descriptors() == before
    assert threading.active_count() == threads


@pytest.fixture
def stack(everything_is_given_back: None) -> Iterator[ExitStack]:
    """Whatever a test opens is closed in the reverse order, before descriptors are counted."""
    with ExitStack() as stack:
        yield stack


class Listening:
    """Opens listeners that are stopped at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, transport: str = "udp", answer: Answer | None = None, host: str = LOOPBACK, **options: object) -> Listener:
        return self._stack.enter_context(Listener(Receiver(host, 0, transport=transport, **options), answer))  # type: ignore[arg-type]


@pytest.fixture
def listen(stack: ExitStack) -> Listening:
    return Listening(stack)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """From here on waits are over at once. For stories told by one thread."""
    clock = VirtualClock()
    monkeypatch.setattr("udpmsg.base.clock.now", clock.now)
    monkeypatch.setattr(waiting_module.selectors, "DefaultSelector", impatient_selector(clock))
    return clock
