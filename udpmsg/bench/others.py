"""How many other processes want a core while a benchmark runs: their number explains figures that differ from trial to trial.

Linux counts what can run on the whole machine (proc(5), /proc/loadavg); other systems tell nothing of the moment.
"""

LOADAVG, STATE = "/proc/loadavg", "/proc/{}/stat"
RUNNING = "R"


class Others:
    """Looks at the machine now and then; what this process and the benchmark's own receiver do is not counted."""

    def __init__(self, receiver: int | None) -> None:
        """`receiver`: the process id of our own one."""
        self._receiver = receiver
        self._looks: list[int] = []

    def look(self) -> None:
        """Count once more."""
        try:
            with open(LOADAVG, encoding="ascii") as told:
                able = int(told.read().split()[3].partition("/")[0])
            self._looks.append(max(0, able - 1 - self._receiver_runs()))
        except (OSError, ValueError, IndexError):
            return

    def mean(self) -> float | None:
        """How many there were on average since the last call; None: the system does not tell."""
        looks, self._looks = self._looks, []
        return sum(looks) / len(looks) if looks else None

    def _receiver_runs(self) -> bool:
        if self._receiver is None:
            return False
        with open(STATE.format(self._receiver), encoding="utf-8", errors="replace") as told:
            return told.read().rpartition(")")[2].split()[0] == RUNNING
