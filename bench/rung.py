"""One rung of the ladder as a server: `python -m bench.rung RUNG DATA` prints its port and serves until it is killed.

Every rung does what the rung below it does, and one thing more: `echo` returns the bytes; `convert` parses and checks
them; `names` resolves the employer; `law` decides; `log` records the decision durably before it answers.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import uvloop
from city.screening.v1 import screening_service_pb2
from screening import clock, config, screen
from screening.cli.serve import SWITCH_INTERVAL_SECONDS, finish_what_runs
from screening.decisionlog.keyring import fixed
from screening.decisionlog.receipt import Receipts
from screening.decisionlog.seal import Sealer
from screening.screen import Asked, Screen
from screening.storage.log import SqlLog
from screening.storage.sqlite import SqliteDatabase
from screening.transport import convert
from screening.transport.identity import new_id
from screening.wire import nested
from screening.wiring import read_bundle

RUNGS = ("echo", "convert", "names", "law", "log")
METHOD = "/bench.Rung/Call"
_pb = screening_service_pb2
Handler = Callable[[bytes], Awaitable[bytes]]


def _ask(body: bytes) -> Asked:
    request = convert.parse(_pb.ScreenEmploymentRequest, body)
    return convert.ask(request, today=clock.today(), rpc="ScreenEmployment", caller="bench", trace_id="0" * 32)


def handlers(data: Path) -> dict[str, Handler]:
    """Return the handler of each rung."""
    bundle = read_bundle(config.from_environ({}))
    sealer = Sealer(fixed(os.urandom(32)), os.urandom(32), os.urandom)
    deciding = Screen(
        bundle=lambda: bundle,
        log=SqlLog(SqliteDatabase(data), clock.now),
        sealer=sealer,
        clock=clock.now,
        new_id=new_id,
        receipts=Receipts("bench", 60),
    )

    async def echo(body: bytes) -> bytes:
        return body

    async def check(body: bytes) -> bytes:
        _ask(body)
        return body

    async def names(body: bytes) -> bytes:
        request = _ask(body).request
        assert isinstance(request, screen.EmploymentRequest)
        bundle.names.resolve(request.facts.employer_name)
        return body

    async def law(body: bytes) -> bytes:
        asked = _ask(body)
        decision = screen.decide(asked.request, bundle, asked.as_of, _untimed)
        return _pb.ScreenEmploymentResponse(decision=decision).SerializeToString()

    async def log(body: bytes) -> bytes:
        answer = await deciding.answer(_ask(body), _untimed)
        return nested(1, answer.serialized)

    return {"echo": echo, "convert": check, "names": names, "law": law, "log": log}


def _untimed(stage: str) -> None:
    """Take no time."""


async def _serve(rung: str, data: Path) -> None:
    handler = handlers(data)[rung]

    async def call(body: bytes, _context: object) -> bytes:
        return await handler(body)

    server = grpc.aio.server()
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Call": grpc.unary_unary_rpc_method_handler(call)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Rung", methods),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    finish_what_runs()
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))
