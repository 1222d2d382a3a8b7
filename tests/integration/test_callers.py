"""Who may do what, over real connections: every caller, every RPC, units, packs and past days."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import (
    decision_log_service_pb2,
    decision_log_service_pb2_grpc,
    screening_service_pb2,
    status_service_pb2,
)
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from screening.callers import SERVICES
from screening.config import Settings
from screening.transport import log_servicer
from screening.wiring import App, running

from tests.credentials import AUDIENCE, ISSUER, Authority, Issuer, write_tls
from tests.errors import info_in, status_in
from tests.factories import ADDRESS_REQUEST, employment, request

CALLERS = """callers:
  - name: payroll
    identities: ["spiffe://city.example/payroll"]
    rpcs: [ScreenEmployment, BatchScreenEmployment, StreamScreenEmployment]
    packs: [la_city]
  - name: lapd
    identities: ["dns:lapd.city.example"]
    rpcs: [ScreenInformationRequest, BatchScreenInformationRequest, StreamScreenInformationRequest, GetDecision]
    units: [LAPD]
    packs: [la_city]
    records: units
  - name: inspector
    identities: ["jwt:inspector"]
    rpcs: [ScreenEmployment, ScreenInformationRequest, GetDecision, ListDecisions]
    units: all
    packs: all
    records: all
    retrospective: true
  - name: ops
    identities: ["jwt:ops"]
    rpcs: [GetStatus]
"""
RIGHTS = {
    "payroll": {"ScreenEmployment", "BatchScreenEmployment", "StreamScreenEmployment"},
    "lapd": {
        "ScreenInformationRequest",
        "BatchScreenInformationRequest",
        "StreamScreenInformationRequest",
        "GetDecision",
    },
    "inspector": {"ScreenEmployment", "ScreenInformationRequest", "GetDecision", "ListDecisions"},
    "ops": {"GetStatus"},
}
UNITS = {"lapd": {"lapd"}, "inspector": {"lapd", "library", "harbor_dept"}}
RPCS = [(service, rpc) for service, methods in SERVICES.items() for rpc in methods]
CODES = {
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "DECISION_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "NOT_YET_INTEGRATED": grpc.StatusCode.UNAVAILABLE,
}
"""The status of each reason that is met here."""
STRANGERS = ("no token", "forged token", "expired token", "unknown subject", "unknown certificate")


class Door:
    """A service with TLS for certificates, and one with TLS for tokens, with the same callers file."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.issuer = Authority(), Issuer()
        tls = write_tls(folder, self.authority, self.authority.leaf("localhost"))
        (folder / "callers.yaml").write_text(CALLERS)
        (folder / "keys.json").write_text(self.issuer.jwks)
        common: dict[str, Any] = {"listen": "127.0.0.1:0", "callers": folder / "callers.yaml", **tls}
        self.by_certificate = Settings(data=folder / "one", **common)
        tokens: dict[str, Any] = {"jwks": str(folder / "keys.json"), "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        self.by_token = Settings(data=folder / "two", **{**common, "tls_client_ca": None}, **tokens)
        self.ports: dict[str, int] = {}

    def enter(self, who: str) -> tuple[grpc.aio.Channel, tuple[tuple[str, str], ...]]:
        """Return a connection and the metadata with which a caller shows who it is."""
        certificates = {
            "payroll": ("spiffe://city.example/payroll",),
            "lapd": ("lapd.city.example",),
            "unknown certificate": ("spiffe://city.example/nobody", "nobody.city.example"),
        }
        if who in certificates:
            credentials = self.authority.channel(self.authority.leaf(*certificates[who]))
            return self._channel("certificate", credentials), ()
        token = {
            "no token": None,
            "forged token": Issuer().token("inspector"),
            "expired token": self.issuer.token("inspector", exp=1),
            "unknown subject": self.issuer.token("nobody"),
        }.get(who, self.issuer.token(who))
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        return self._channel("token", self.authority.channel()), metadata

    def _channel(self, by: str, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(f"localhost:{self.ports[by]}", credentials)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """Both services, running."""
    made = Door(tmp_path)
    async with running(made.by_certificate) as one, running(made.by_token) as two:
        made.ports = {"certificate": one.port, "token": two.port}
        yield made


def body(rpc: str, unit: str = "lapd", **changes: Any) -> bytes:
    """Return a message that is good for an RPC."""
    pb = screening_service_pb2
    if rpc == "GetDecision":
        return decision_log_service_pb2.GetDecisionRequest(decision_id="none").SerializeToString()
    if rpc in ("ListDecisions", "GetInclusionProof", "GetConsistencyProof", "GetCheckpoint"):
        return bytes(getattr(decision_log_service_pb2, f"{rpc}Request")().SerializeToString())
    if rpc == "GetStatus":
        return status_service_pb2.GetStatusRequest().SerializeToString()
    if rpc.endswith("Employment"):
        question: Any = employment(**changes)
    else:
        question = request(ADDRESS_REQUEST, city_unit=unit, **changes)
    if rpc.startswith("Screen"):
        return bytes(question.SerializeToString())
    kind = "ScreenEmployment" if rpc.endswith("Employment") else "ScreenInformationRequest"
    item = getattr(pb, f"{kind}Item")(key="one", request=question)
    if rpc.startswith("Batch"):
        return bytes(getattr(pb, f"{rpc}Request")(items=[item]).SerializeToString())
    return bytes(getattr(pb, f"{rpc}Request")(item=item).SerializeToString())


async def outcome(door: Door, who: str, service: str, rpc: str, message: bytes) -> str:
    """Call, and return OK, the reason of the call's error, or that of its only item."""
    channel, metadata = door.enter(who)
    path = f"/{service}/{rpc}"
    async with channel:
        try:
            if rpc.startswith("Stream"):
                stream: Any = channel.stream_stream(path)
                replies = [reply async for reply in stream(iter([message]), metadata=metadata, timeout=20)]
            else:
                unary: Any = channel.unary_unary(path)
                replies = [await unary(message, metadata=metadata, timeout=20)]
        except grpc.aio.AioRpcError as error:
            return reason_of(status_in(error))
    return item_reason(rpc, replies[0])


def item_reason(rpc: str, reply: bytes) -> str:
    """Return the reason of a failed item, else OK."""
    pb = screening_service_pb2
    if rpc.startswith("Stream"):
        result = getattr(pb, f"{rpc}Response").FromString(reply).result
    elif rpc.startswith("Batch"):
        result = getattr(pb, f"{rpc}Response").FromString(reply).results[0]
    else:
        return "OK"
    return reason_of(result.error) if result.HasField("error") else "OK"


def reason_of(status: status_pb2.Status) -> str:
    """Return the reason in a google.rpc.Status, once its code is seen to fit."""
    reason = str(info_in(status).reason)
    assert (reason, status.code) == (reason, CODES[reason].value[0])
    return reason


async def test_every_caller_may_call_what_its_line_names_and_nothing_else(door: Door) -> None:
    """Callers x RPCs."""
    for who, (service, rpc) in product(RIGHTS, RPCS):
        got = await outcome(door, who, service, rpc, body(rpc))
        expected = "NOT_ALLOWED" if rpc not in RIGHTS[who] else {"GetDecision": "DECISION_NOT_FOUND"}.get(rpc, "OK")
        assert (who, rpc, got) == (who, rpc, expected)


async def test_a_stranger_may_call_nothing(door: Door) -> None:
    """Whatever it shows, and whatever it asks: the same answer, also for what does not parse."""
    for who, (service, rpc) in product(STRANGERS, RPCS):
        for message in (body(rpc), b"\xff\xff"):
            assert (who, rpc, await outcome(door, who, service, rpc, message)) == (who, rpc, "UNAUTHENTICATED")


async def test_a_caller_asks_for_its_units_only(door: Door) -> None:
    """Callers x request RPCs x units, in calls and in items."""
    for who, unit in product(UNITS, ("lapd", "library", "harbor_dept")):
        for rpc in sorted(name for name in RIGHTS[who] if name.endswith("InformationRequest")):
            got = await outcome(door, who, "city.screening.v1.ScreeningService", rpc, body(rpc, unit))
            assert (who, rpc, unit, got) == (who, rpc, unit, "OK" if unit in UNITS[who] else "NOT_ALLOWED")


async def test_packs_and_past_days_need_a_right_of_their_own(door: Door) -> None:
    """A future day is a preview, which needs none."""
    service = "city.screening.v1.ScreeningService"
    for change, payroll in (("pack", "NOT_ALLOWED"), ("past", "NOT_ALLOWED"), ("future", "OK")):
        question = employment()
        if change == "pack":
            question.policy_pack = "ca_state_only"
        else:
            question.as_of.year, question.as_of.month, question.as_of.day = (2020 if change == "past" else 2060, 2, 3)
        message = question.SerializeToString()
        assert await outcome(door, "payroll", service, "ScreenEmployment", message) == payroll
        assert await outcome(door, "inspector", service, "ScreenEmployment", message) == "OK"


READERS = """callers:
  - {name: clerk, identities: ["jwt:clerk"], rpcs: [ScreenEmployment, GetDecision, ListDecisions], packs: all, records: own}
  - {name: chief, identities: ["jwt:chief"], rpcs: [ScreenInformationRequest, GetDecision, ListDecisions],
     units: [LAPD], packs: all, records: units}
  - {name: desk, identities: ["jwt:desk"], rpcs: [ScreenInformationRequest, GetDecision, ListDecisions],
     units: [LAPD, LIBRARY], packs: all, records: own}
  - {name: inspector, identities: ["jwt:inspector"], rpcs: [GetDecision, ListDecisions], records: all}
"""
READABLE = {
    "clerk": {"clerk"},
    "chief": {"chief", "desk for lapd"},
    "desk": {"desk for lapd", "desk for library"},
    "inspector": {"clerk", "chief", "desk for lapd", "desk for library"},
}


async def test_each_caller_reads_the_records_that_its_line_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers x records: one by one with NOT_ALLOWED for the others, and in lists, in short pages too."""
    monkeypatch.setattr(log_servicer, "LARGEST_PAGE", 2)
    monkeypatch.setattr(log_servicer, "MOST_LOOKS", 1)
    door = Door(tmp_path)
    (tmp_path / "callers.yaml").write_text(READERS)
    questions = {"clerk": ("clerk", ""), "chief": ("chief", "lapd")}
    questions |= {"desk for lapd": ("desk", "lapd"), "desk for library": ("desk", "library")}
    async with running(door.by_token) as app:
        door.ports = {"token": app.port}
        ids = {name: await decided(door, who, unit) for name, (who, unit) in questions.items()}
        for who, readable in READABLE.items():
            for name, decision_id in ids.items():
                message = decision_log_service_pb2.GetDecisionRequest(decision_id=decision_id).SerializeToString()
                got = await outcome(door, who, "city.screening.v1.DecisionLogService", "GetDecision", message)
                assert (who, name, got) == (who, name, "OK" if name in readable else "NOT_ALLOWED")
            listed = await all_pages(door, who)
            assert (who, sorted(listed)) == (who, sorted(ids[name] for name in readable))


PROVERS = """callers:
  - {name: clerk, identities: ["jwt:clerk"], rpcs: [ScreenEmployment, GetInclusionProof], packs: all, records: own}
  - {name: chief, identities: ["jwt:chief"], rpcs: [ScreenInformationRequest, GetInclusionProof], units: [LAPD],
     packs: all, records: units}
  - {name: court, identities: ["jwt:court"], rpcs: [GetInclusionProof, GetConsistencyProof, GetCheckpoint], records: all}
  - {name: desk, identities: ["jwt:desk"], rpcs: [ScreenInformationRequest, GetDecision], units: [LIBRARY],
     packs: all, records: own}
"""


async def test_a_proof_is_for_whoever_may_ask_for_proofs_and_has_the_receipt(tmp_path: Path) -> None:
    """Provers x records of every unit: `records` does not narrow it, the hash must be right, and it shows no fact."""
    door = Door(tmp_path)
    (tmp_path / "callers.yaml").write_text(PROVERS)
    log, pb = "city.screening.v1.DecisionLogService", decision_log_service_pb2
    async with running(replace(door.by_token, checkpoint_seconds=0.2)) as app:
        door.ports = {"token": app.port}
        receipts = [
            (await asked(door, who, unit)).receipt
            for who, unit in (("clerk", ""), ("chief", "lapd"), ("desk", "library"))
        ]
        for who, receipt in product(("clerk", "chief", "court", "desk"), receipts):
            right = pb.GetInclusionProofRequest(log_index=receipt.log_index, leaf_hash=receipt.leaf_hash)
            wrong = pb.GetInclusionProofRequest(log_index=receipt.log_index, leaf_hash=bytes(32))
            got = [
                await outcome_once_integrated(door, who, log, "GetInclusionProof", each.SerializeToString())
                for each in (right, wrong)
            ]
            assert (who, got) == (who, ["NOT_ALLOWED"] * 2 if who == "desk" else ["OK", "DECISION_NOT_FOUND"])
        consistency = pb.GetConsistencyProofRequest(first_size=1).SerializeToString()
        for rpc, message in (("GetConsistencyProof", consistency), ("GetCheckpoint", b"")):
            found = [await outcome(door, who, log, rpc, message) for who in ("clerk", "chief", "court", "desk")]
            assert (rpc, found) == (rpc, ["NOT_ALLOWED", "NOT_ALLOWED", "OK", "NOT_ALLOWED"])


async def outcome_once_integrated(door: Door, who: str, service: str, rpc: str, message: bytes) -> str:
    """Call until the record is covered by a checkpoint; return what came of it."""
    while (got := await outcome(door, who, service, rpc, message)) == "NOT_YET_INTEGRATED":
        await asyncio.sleep(0.1)
    return got


async def decided(door: Door, who: str, unit: str) -> str:
    """Ask for a unit, or about employment where there is none; return the decision's id."""
    return str((await asked(door, who, unit)).decision_id)


async def asked(door: Door, who: str, unit: str) -> Any:
    """Ask for a unit, or about employment where there is none; return the decision."""
    channel, metadata = door.enter(who)
    rpc = "ScreenInformationRequest" if unit else "ScreenEmployment"
    async with channel:
        ask: Any = channel.unary_unary(f"/city.screening.v1.ScreeningService/{rpc}")
        reply = await ask(body(rpc, unit), metadata=metadata, timeout=20)
    return getattr(screening_service_pb2, f"{rpc}Response").FromString(reply).decision


async def all_pages(door: Door, who: str) -> list[str]:
    """Return the ids of all decisions that a caller is shown, one a page."""
    channel, metadata = door.enter(who)
    found: list[str] = []
    pb = decision_log_service_pb2
    request = pb.ListDecisionsRequest(page_size=1)
    async with channel:
        stub: Any = decision_log_service_pb2_grpc.DecisionLogServiceStub(channel)
        while True:
            page = await stub.ListDecisions(request, metadata=metadata, timeout=20)
            found += [each.decision_id for each in page.decisions]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token


async def test_refusals_are_recorded_under_the_caller_or_its_address(tmp_path: Path) -> None:
    """Who knocked without a right can be found in the log, and in it only."""
    door = Door(tmp_path)
    async with running(door.by_certificate) as app:
        door.ports = {"certificate": app.port}
        await outcome(door, "payroll", "city.screening.v1.DecisionLogService", "ListDecisions", b"")
        await outcome(door, "unknown certificate", "city.screening.v1.DecisionLogService", "ListDecisions", b"")
        assert not await reflects(*door.enter("unknown certificate"))
        canonical = [
            bytes(row[0])
            for row in app.log._read_log.execute("SELECT canonical FROM record WHERE kind != 'activation'")
        ]
    assert b'"caller":"payroll"' in canonical[0]
    assert b'"reason":"NOT_ALLOWED"' in canonical[0]
    assert b'"caller":"127.0.0.1"' in canonical[1]
    assert b'"reason":"UNAUTHENTICATED"' in canonical[1]
    assert b'"caller":"127.0.0.1"' in canonical[2]
    assert b'"rpc":"ServerReflectionInfo"' in canonical[2]


async def test_a_refused_call_that_is_cancelled_is_recorded(tmp_path: Path) -> None:
    """Whoever gives up before the refusal comes has knocked all the same."""
    door = Door(tmp_path)

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    async with running(door.by_certificate) as app:
        door.ports = {"certificate": app.port}
        channel, _ = door.enter("payroll")
        async with channel:
            method: Any = channel.stream_unary("/city.screening.v1.DecisionLogService/ListDecisions")
            call = method(silent())
            await asyncio.sleep(0.3)
            call.cancel()
            await asyncio.sleep(0.1)
        query = "SELECT canonical FROM record WHERE kind = 'refusal'"
        (canonical,) = [bytes(row[0]) for row in app.log._read_log.execute(query)]
    assert b'"reason":"NOT_ALLOWED"' in canonical


async def test_reflection_is_for_known_callers_and_health_says_only_whether_it_serves(door: Door) -> None:
    """Neither tells a stranger more."""
    for who, known in (("no token", False), ("unknown certificate", False), ("ops", True), ("payroll", True)):
        channel, metadata = door.enter(who)
        async with channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            reply = await health.Check(health_pb2.HealthCheckRequest(), metadata=metadata)
            assert reply == health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await health.Check(health_pb2.HealthCheckRequest(service="no.such.Service"), metadata=metadata)
            assert raised.value.code() == grpc.StatusCode.NOT_FOUND
            assert await reflects(channel, metadata) is known


async def reflects(channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> bool:
    """Say whether the API is described on a connection."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # stubs know no aio
    wanted = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    try:
        replies = [reply async for reply in stub.ServerReflectionInfo(wanted, metadata=metadata)]
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.UNAUTHENTICATED:
            raise
        return False
    return bool(replies[0].list_services_response.service)


async def test_a_connection_without_the_right_certificate_is_not_made(door: Door) -> None:
    """No certificate, one of another authority, or plaintext: the handshake ends."""
    other = Authority()
    port = door.ports["certificate"]
    none = grpc.ssl_channel_credentials(door.authority.pem)
    foreign_leaf = other.leaf("spiffe://city.example/payroll")
    foreign = grpc.ssl_channel_credentials(door.authority.pem, foreign_leaf.key, foreign_leaf.certificate)
    for channel in (
        grpc.aio.secure_channel(f"localhost:{port}", none),
        grpc.aio.secure_channel(f"localhost:{port}", foreign),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}"),
    ):
        async with channel:
            call: Any = channel.unary_unary("/city.screening.v1.ScreeningService/ScreenEmployment")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(employment().SerializeToString(), timeout=20)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_bad_token_is_refused_beside_a_good_certificate(tmp_path: Path) -> None:
    """What is claimed must be proven; a service that takes no tokens takes none."""
    door = Door(tmp_path)
    async with running(door.by_certificate) as app:
        door.ports = {"certificate": app.port}
        channel, _ = door.enter("payroll")
        async with channel:
            call: Any = channel.unary_unary("/city.screening.v1.ScreeningService/ScreenEmployment")
            await call(employment().SerializeToString())
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(employment().SerializeToString(), metadata=(("authorization", "Bearer x.y.z"),))
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def wait_until_taken(app: App, source: str) -> None:
    """Wait until something was read anew."""
    (watched,) = (each for each in app.reloader.watched if each.name == source)
    while not watched.taken:
        await asyncio.sleep(0.05)


async def test_certificates_rotate_without_a_restart(tmp_path: Path) -> None:
    """New connections meet the new certificate and authority; an open one goes on."""
    door = Door(tmp_path)
    async with running(door.by_certificate) as app:
        door.ports = {"certificate": app.port}
        old, _ = door.enter("payroll")
        path = "/city.screening.v1.ScreeningService/ScreenEmployment"
        open_call: Any = old.unary_unary(path)
        await open_call(employment().SerializeToString())
        door.authority = Authority()
        write_tls(tmp_path, door.authority, door.authority.leaf("localhost"))
        app.reloader.ask()
        await wait_until_taken(app, "certificates")
        new, _ = door.enter("payroll")
        async with old, new:
            new_call: Any = new.unary_unary(path)
            await new_call(employment().SerializeToString(), timeout=20)
            await open_call(employment().SerializeToString(), timeout=20)


async def test_token_keys_and_callers_rotate_without_a_restart(tmp_path: Path) -> None:
    """A withdrawn key or caller is refused at once, also where its token was good before."""
    door = Door(tmp_path)
    status = ("city.screening.v1.StatusService", "GetStatus", b"")
    async with running(door.by_token) as app:
        door.ports = {"token": app.port}
        assert await outcome(door, "ops", *status) == "OK"
        before = door.issuer.token("ops")
        door.issuer = Issuer()
        (tmp_path / "keys.json").write_text(door.issuer.jwks)
        app.reloader.ask()
        await wait_until_taken(app, "token_keys")
        assert await outcome(door, "ops", *status) == "OK"
        channel = door._channel("token", door.authority.channel())
        async with channel:
            call: Any = channel.unary_unary("/city.screening.v1.StatusService/GetStatus")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(b"", metadata=(("authorization", f"Bearer {before}"),))
            assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
        (tmp_path / "callers.yaml").write_text(CALLERS.replace("jwt:ops", "jwt:operations"))
        app.reloader.ask()
        while await outcome(door, "ops", *status) == "OK":
            await asyncio.sleep(0.05)
        assert await outcome(door, "ops", *status) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("file", "source", "text"),
    [
        ("callers.yaml", "callers", "callers: []"),
        ("callers.yaml", "callers", "callers: [{name: payroll, identities: ['jwt:payroll'], rpcs: [All]}]"),
        ("callers.yaml", "callers", "\x00"),
        ("keys.json", "token_keys", "{}"),
        ("keys.json", "token_keys", "[" * 100_000),
        ("server.pem", "certificates", "-----BEGIN CERTIFICATE-----\n"),
        ("server.key", "certificates", ""),
    ],
)
async def test_a_bad_file_leaves_what_was_in_force(tmp_path: Path, file: str, source: str, text: str) -> None:
    """Callers, keys and certificates as before, with the reason in the status that ops see."""
    door = Door(tmp_path)
    async with running(door.by_token) as app:
        door.ports = {"token": app.port}
        (tmp_path / file).write_text(text)
        app.reloader.ask()
        (watched,) = (each for each in app.reloader.watched if each.name == source)
        while not watched.refused:
            await asyncio.sleep(0.05)
        assert watched.problem
        assert await outcome(door, "ops", "city.screening.v1.StatusService", "GetStatus", b"") == "OK"
