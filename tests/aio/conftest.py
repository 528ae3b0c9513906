"""Fixtures of the stories in event loops: each is told over both transports, in asyncio's loop and in one that can't watch
descriptors, as Windows' proactor; with `--uvloop` in uvloop instead. Every story gives all tasks, descriptors and threads back.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NoReturn

import pytest

from tests.conftest import needed
from tests.transport.support import PATIENCE, descriptors
from udpmsg import aio
from udpmsg.core import receiver as _  # noqa: F401 - imported before descriptors are counted

Run = Callable[[Coroutine[Any, Any, None]], None]


class WithoutReaders(asyncio.SelectorEventLoop):
    """As Windows' proactor."""

    def add_reader(self, fd: object, callback: object, *args: object) -> NoReturn:
        raise NotImplementedError


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name == "without readers":
        return WithoutReaders
    if name == "asyncio":
        return asyncio.SelectorEventLoop
    try:
        import uvloop
    except ImportError:
        needed("uvloop", "it is not installed")
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """Every story that asks for it is told twice."""
    return str(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "loop_name" in metafunc.fixturenames:
        metafunc.parametrize("loop_name", ["uvloop"] if metafunc.config.getoption("--uvloop") else ["asyncio", "without readers"])


@pytest.fixture(scope="session")
def first_loop(request: pytest.FixtureRequest) -> None:
    """uvloop keeps a pair of descriptors for signals, once for all loops."""
    if request.config.getoption("--uvloop"):
        loop_factory("uvloop")().close()


@pytest.fixture(autouse=True)
def everything_is_given_back(first_loop: None) -> Iterator[None]:
    before, threads = descriptors(), threading.active_count()
    yield
    assert descriptors() == before
    assert threading.active_count() == threads


@pytest.fixture
def run(loop_name: str, everything_is_given_back: None) -> Run:
    """Tells a story in a loop of its own, and sees that it leaves no task and no complaint behind."""

    def tell(story: Coroutine[Any, Any, None]) -> None:
        complaints: list[dict[str, Any]] = []

        async def bounded() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
            async with asyncio.timeout(PATIENCE):
                await story
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=loop_factory(loop_name)) as runner:
            runner.run(bounded())
        assert complaints == []

    return tell


@pytest.fixture
def pair(transport: str) -> Callable[..., "Pair"]:
    return lambda **options: Pair(transport, options)


class Pair:
    """A receiver and an acknowledged sender to it, in one loop, for `async with`. The receiver's application is the story's."""

    def __init__(self, transport: str, options: dict[str, Any]) -> None:
        self._transport = transport
        self._options = options

    async def __aenter__(self) -> tuple[aio.Receiver, aio.Sender]:
        self.receiver = await aio.Receiver(port=0, transport=self._transport).open()
        endpoint = self.receiver.endpoints[0]
        options = {"acknowledged": True, **self._options}
        self.sender = await aio.Sender(endpoint.host, endpoint.port, transport=self._transport, **options).open()
        return self.receiver, self.sender

    async def __aexit__(self, *error: object) -> None:
        await self.receiver.close(linger=0.0)
        await self.sender.close(wait=False)
