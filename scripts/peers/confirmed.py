"""Peers that confirm every message: aiocoap's confirmable messages (RFC 7252), aioquic's stream (RFC 9000). Both sides of each.

Knows nothing of udpmsg. A message counts when the sender's *application* was told that the receiver's has it.
"""

import asyncio
import datetime
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

from peers.side import ADDRESS, PAYLOAD, QUIET, run, say, told_to_end

CLIENTS = 16
"""CoAP contexts at once: RFC 7252, 4.7 lets each have one unconfirmed message (NSTART), and aiocoap keeps to that."""
LENGTH = struct.Struct(">I")
COUNT = struct.Struct(">Q")
FRAME = LENGTH.pack(len(PAYLOAD)) + PAYLOAD
TURN = 16
"""Messages that are written to the stream at one go."""
WINDOW = 512
"""Messages at most unconfirmed at once over QUIC, whose writer never says that it has enough."""


async def end_of_run() -> None:
    """Until the bench says so."""
    while not told_to_end():
        await asyncio.sleep(QUIET)


# CoAP ---------------------------------------------------------------------------------------------------------------------


async def serve_coap() -> None:
    """A resource that takes messages, and answers each 2.04 Changed within its acknowledgment."""
    import aiocoap
    import aiocoap.resource

    received = 0

    async def taken(request: Any) -> Any:
        nonlocal received
        received += len(request.payload) == len(PAYLOAD)
        return aiocoap.Message(code=aiocoap.CHANGED)

    resource = aiocoap.resource.Resource()
    resource.render_post = taken
    site = aiocoap.resource.Site()
    site.add_resource(["m"], resource)
    port = free_port()
    context = await aiocoap.Context.create_server_context(site, bind=(ADDRESS, port), transports=["udp6"])
    say(port=port)
    await end_of_run()
    await context.shutdown()
    say(received=received)


async def post(port: int, seconds: float) -> None:
    """Some clients at once, each with one confirmable message after the other."""
    import aiocoap

    uri = f"coap://{ADDRESS}:{port}/m"
    contexts = [await aiocoap.Context.create_client_context(transports=["udp6"]) for _ in range(CLIENTS)]
    begun = time.perf_counter()

    async def client(context: Any) -> int:
        count = 0
        while time.perf_counter() - begun < seconds:
            message = aiocoap.Message(code=aiocoap.POST, uri=uri, payload=PAYLOAD, transport_tuning=aiocoap.Reliable)
            # not block by block: 1200 bytes are one datagram, as ours are
            response = await context.request(message, handle_blockwise=False).response
            if response.code != aiocoap.CHANGED:
                raise SystemExit(f"not confirmed: {response}")
            count += 1
        return count

    confirmed = sum(await asyncio.gather(*map(client, contexts)))
    passed = time.perf_counter() - begun
    for context in contexts:
        await context.shutdown()
    say(sent=confirmed, rate=confirmed / passed)


def free_port() -> int:
    """A port that is free at this moment: aiocoap does not tell the one that the system chose."""
    import socket

    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


# QUIC ---------------------------------------------------------------------------------------------------------------------


async def serve_quic() -> None:
    """Cuts every message out of the stream, and sends back how many there were so far."""
    from aioquic.asyncio import serve
    from aioquic.quic.configuration import QuicConfiguration

    received = 0
    tasks = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        data, told = b"", 0
        while more := await reader.read(1 << 16):
            data += more
            begin = 0
            while len(data) - begin >= LENGTH.size:
                end = begin + LENGTH.size + LENGTH.unpack_from(data, begin)[0]
                if end > len(data):
                    break
                received += len(data[begin + LENGTH.size : end]) == len(PAYLOAD)
                begin = end
            data = data[begin:]
            if (
                received // TURN > told // TURN
            ):  # once a turn, as the sender sends them: a datagram each would cost more than they
                writer.write(COUNT.pack(received))
                told = received

    def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(take(reader, writer))
        tasks.add(task)  # else nobody holds it

    configuration = QuicConfiguration(is_client=False, alpn_protocols=["bench"])
    with tempfile.TemporaryDirectory() as folder:
        configuration.load_cert_chain(*certificate(Path(folder)))
    port = free_port()
    server = await serve(ADDRESS, port, configuration=configuration, stream_handler=stream)
    say(port=port)
    await end_of_run()
    server.close()
    say(received=received)


async def stream_quic(port: int, seconds: float) -> None:
    """All messages on one stream, at most WINDOW of them unconfirmed, until all are confirmed."""
    import ssl

    from aioquic.asyncio import connect
    from aioquic.quic.configuration import QuicConfiguration

    configuration = QuicConfiguration(is_client=True, alpn_protocols=["bench"], verify_mode=ssl.CERT_NONE)
    async with connect(ADDRESS, port, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        sent = confirmed = 0
        begun = time.perf_counter()
        while (going := time.perf_counter() - begun < seconds) or confirmed < sent:
            while going and sent - confirmed <= WINDOW - TURN:
                writer.write(FRAME * TURN)
                sent += TURN
            data = await reader.readexactly(COUNT.size)
            (confirmed,) = COUNT.unpack(data)
        passed = time.perf_counter() - begun
    say(sent=sent, rate=confirmed / passed)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key: QUIC has no plain form. cryptography comes with aioquic."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
    ).sign(key, hashes.SHA256())
    chain, private = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


if __name__ == "__main__":
    run(
        {
            "coap": (lambda: asyncio.run(serve_coap()), lambda port, seconds: asyncio.run(post(port, seconds))),
            "quic": (lambda: asyncio.run(serve_quic()), lambda port, seconds: asyncio.run(stream_quic(port, seconds))),
        }
    )
