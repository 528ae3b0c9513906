"""Many sensors and one collector, in asyncio: each sensor is a task of one program.

    python examples/sensors.py collect 5000
    python examples/sensors.py measure 127.0.0.1 5000 30        in a second terminal: thirty sensors, for two seconds

Each reading is acknowledged: one that a sensor is told to be delivered was counted. The collector ends with the last sensor.
"""

import asyncio
import random
import sys

from udpmsg import Goodbye, Message, aio


async def collect(port: int) -> None:
    readings: dict[int | None, list[float]] = {}  # by session: each sensor has one
    gone: set[int] = set()
    async with aio.Receiver("127.0.0.1", port) as receiver:
        print("Waiting for readings", flush=True)
        while not gone or gone < readings.keys():
            for event in await receiver.poll(None):
                if isinstance(event, Message):
                    readings.setdefault(event.session, []).append(float(event.payload))
                elif isinstance(event, Goodbye):
                    gone.add(event.session)
            newest = [values[-1] for values in readings.values()]
            print(f"\r{len(newest)} sensors, {sum(newest) / max(len(newest), 1):.1f} °C on average", end="", flush=True)
    print(f"\n{len(readings)} sensors, {sum(map(len, readings.values()))} readings")


async def measure(host: str, port: int) -> None:
    async with aio.Sender(host, port, acknowledged=True) as sensor:
        for _ in range(20):
            await sensor.send(f"{random.gauss(20, 2):.2f}")
            await asyncio.sleep(0.1)


async def main(what: str, *where: str) -> None:
    match what, *where:
        case "collect", port:
            await collect(int(port))
        case "measure", host, port, sensors:
            await asyncio.gather(*(measure(host, int(port)) for _ in range(int(sensors))))
        case _:
            sys.exit(__doc__)


asyncio.run(main(*sys.argv[1:] or ["?"]))
