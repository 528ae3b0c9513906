"""How many other processes are at work, by what the kernel would say."""

from pathlib import Path

import pytest

from udpmsg.bench import others
from udpmsg.bench.others import Others


def test_what_can_run_is_counted_without_the_sender_and_its_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, state = tmp_path / "loadavg", tmp_path / "stat"
    monkeypatch.setattr(others, "LOADAVG", str(told))
    monkeypatch.setattr(others, "STATE", str(state))
    looks = Others(receiver=7)
    for able, receiver in ((5, "R"), (5, "S"), (1, "S")):
        told.write_text(f"9.21 7.33 4.01 {able}/132 26073\n")
        state.write_text(f"7 (a) b) {receiver} 1 7 7 0\n")
        looks.look()
    assert looks.mean() == pytest.approx((3 + 4 + 0) / 3)
    assert looks.mean() is None, "it begins anew"


def test_a_system_that_does_not_tell_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "LOADAVG", str(tmp_path / "missing"))
    looks = Others(receiver=None)
    looks.look()
    assert looks.mean() is None
