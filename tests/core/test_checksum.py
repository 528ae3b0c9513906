"""The checksum is CRC-32, whoever computes it."""

import importlib
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.conftest import needed
from udpmsg.core import checksum, runs
from udpmsg.core.framing import Run


@pytest.fixture(params=["isal", "zlib"])
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module as it is with ISA-L's package, and without."""
    if request.param == "isal":
        try:
            import isal  # noqa: F401
        except ImportError:
            needed("isal", "nothing to compare zlib's CRC-32 with; pip install -e '.[fast]'")
    else:
        monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    importlib.reload(checksum)
    assert checksum.crc32.__module__ == {"isal": "isal.isal_zlib", "zlib": "zlib"}[request.param]
    yield checksum
    monkeypatch.undo()
    importlib.reload(checksum)


def test_it_is_zlib_s(chosen: ModuleType) -> None:
    for data in (b"", b"123456789", bytes(range(256)) * 300):
        assert chosen.crc32(data) == zlib.crc32(data)
        assert chosen.crc32(memoryview(data)[1:]) == zlib.crc32(data[1:])
    assert chosen.crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32/ISO-HDLC


def test_a_run_is_sealed_and_checked_with_it(chosen: ModuleType) -> None:
    (run,) = runs.encode([b"a" * 1200, b"b" * 1200], session=7, number=1, sequence=1, sent_at=0, lowest=1)
    assert isinstance(run, Run)
    assert [int.from_bytes(data[-4:]) for data in run.datagrams()] == [zlib.crc32(data[:-4]) for data in run.datagrams()]
    assert runs.decode(run) is not None
    flipped = bytearray(run.data)
    flipped[100] ^= 1
    assert runs.decode(run._replace(data=flipped)) is None
