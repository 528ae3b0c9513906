"""A benchmark as JSON lines for programs: one line `bench` per measurement when it is made, and a line `benchmark` at the end.

Owns the keys. Every key of a line is always there, units are in its name, and what is not known is null. Writes to nothing.
"""

import os
from dataclasses import asdict
from typing import Any

from udpmsg.base.distribution import rounded
from udpmsg.bench.values import Benchmark, Measurement, figures
from udpmsg.show.jsonlines import line


class BenchLines:
    """The lines of one run of the program, without line ends."""

    def __init__(self) -> None:
        self.run = os.urandom(8).hex()

    def measurement(self, measurement: Measurement) -> str:
        """One mode at one size."""
        return line("bench", self.run, fields(measurement))

    def whole(self, benchmark: Benchmark) -> str:
        """The last one: what was measured, where and when."""
        request = benchmark.request
        return line(
            "benchmark",
            self.run,
            {
                "target": benchmark.target,
                "modes": [mode.value for mode in request.modes],
                "sizes_bytes": list(request.sizes),
                "measurement_s": request.seconds,
                "window": request.window,
                "congestion": request.congestion,
                "datagram_size_bytes": request.datagram_size,
                "offload_wanted": request.offload,
                "receive_buffer_wanted_bytes": request.receive_buffer if request.target is None else None,
                "receive_buffer_bytes": benchmark.receive_buffer_bytes,
                "cores": benchmark.cores,
                "measurements": len(benchmark.measurements),
                "interrupted": benchmark.interrupted,
                "started": benchmark.started,
                "system": benchmark.system,
                "version": benchmark.version,
                "command": request.command,
            },
        )


def fields(measurement: Measurement) -> dict[str, Any]:
    """A measurement's keys and values."""
    found = {key: _tidy(value) for key, value in figures(measurement).items()}
    curve = [_tidy(asdict(trial) | {"loss": trial.loss}) for trial in measurement.curve]
    return found | {"limits": list(measurement.limits), "curve": curve}


def _tidy(value: Any) -> Any:
    """Rates to a tenth, times to a nanosecond."""
    if isinstance(value, dict):
        return {key: _tidy(part) for key, part in value.items()}
    if not isinstance(value, float):
        return value
    return round(value, 1) if value >= 1000 else rounded(value)
