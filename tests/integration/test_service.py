import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import (
    decision_log_service_pb2,
    decision_pb2,
    information_request_facts_pb2,
    screening_service_pb2,
)
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from screening.config import Settings
from screening.decisionlog.record import leaf_hash
from screening.transport.calls import TRANSPORT_LIMIT
from screening.wiring import App, running
from screening_client import AsyncScreeningClient, NotDecided

from tests.errors import reason_of
from tests.factories import ADDRESS_REQUEST, DETAINER, ICE_JOB, employment, request

NAMES = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


async def test_an_employment_question_is_answered_with_its_proof(client: AsyncScreeningClient, app: App) -> None:
    """Outcome, reasons, resolution, obligations, date, bundle, receipt and trace id."""
    decision = await client.screen_employment(employment(ICE_JOB))
    assert NAMES[decision.outcome] == "DENY"
    assert decision.reasons[0].citation
    assert decision.resolution.entity_id == "ice"
    assert decision.basis == decision_pb2.BASIS_CURRENT
    assert decision.bundle_revision == app.bundle.revision
    assert len(decision.receipt.leaf_hash) == 32
    assert len(decision.trace_id) == 32


async def test_an_information_request_is_answered_part_by_part(client: AsyncScreeningClient) -> None:
    """Releases come with the decision."""
    decision = await client.screen_information_request(
        request(ADDRESS_REQUEST, data_categories=["arrest_log", "phone"])
    )
    assert [(release.category, NAMES[release.outcome]) for release in decision.releases] == [
        (information_request_facts_pb2.DATA_CATEGORY_ARREST_LOG, "ALLOW"),
        (information_request_facts_pb2.DATA_CATEGORY_PHONE, "DENY"),
    ]


async def test_the_receipt_is_that_of_the_record_in_the_log(client: AsyncScreeningClient, app: App) -> None:
    """The hash is recomputed from the stored bytes."""
    decision = await client.screen_employment(employment())
    stored = await app.log.find_decision(decision.decision_id)
    assert stored is not None
    assert stored.index == decision.receipt.log_index
    assert leaf_hash(stored.canonical) == decision.receipt.leaf_hash


async def test_the_recorded_decision_is_the_one_that_was_answered(client: AsyncScreeningClient) -> None:
    """GetDecision returns it to the last field."""
    decision = await client.screen_information_request(request())
    assert await client.get_decision(decision.decision_id) == decision


async def test_a_decision_that_was_never_made_is_not_found(client: AsyncScreeningClient) -> None:
    """A typed error."""
    with pytest.raises(NotDecided) as raised:
        await client.get_decision("01a20940-042b-718a-87d0-b30229840d89")
    assert raised.value.reason == "DECISION_NOT_FOUND"


async def test_a_repeated_request_id_gives_the_first_decision(client: AsyncScreeningClient) -> None:
    """Same id, same body: same decision and one record."""
    question = employment(ICE_JOB, request_id="0123456789abcdef")
    first = await client.screen_employment(question)
    assert await client.screen_employment(question) == first


async def test_a_request_id_with_another_body_is_a_typed_error(client: AsyncScreeningClient) -> None:
    """REQUEST_ID_REUSED, and nothing is decided."""
    await client.screen_employment(employment(ICE_JOB, request_id="0123456789abcdef"))
    with pytest.raises(NotDecided) as raised:
        await client.screen_employment(employment(request_id="0123456789abcdef"))
    assert raised.value.reason == "REQUEST_ID_REUSED"


async def test_one_request_id_fifty_times_at_once_gives_one_decision(client: AsyncScreeningClient) -> None:
    """Whatever the race."""
    question = request(request_id="race-race-race")
    decisions = await asyncio.gather(*(client.screen_information_request(question) for _ in range(50)))
    assert len({decision.SerializeToString(deterministic=True) for decision in decisions}) == 1
    page = await client.list_decisions(decision_log_service_pb2.ListDecisionsRequest())
    assert len(page.decisions) == 1


async def test_a_batch_answers_each_item_by_itself(client: AsyncScreeningClient) -> None:
    """One bad item leaves the rest unharmed; the order is kept."""
    bad = employment()
    bad.facts.paid = 77  # type: ignore[assignment]
    results = await client.screen_employment_batch([("a", employment(ICE_JOB)), ("b", bad), ("c", employment())])
    assert [key for key, _ in results] == ["a", "b", "c"]
    first, second, third = (answer for _, answer in results)
    assert isinstance(second, NotDecided)
    assert second.fields[0][0] == "items[1].request.facts.paid"
    assert isinstance(first, decision_pb2.Decision)
    assert isinstance(third, decision_pb2.Decision)
    assert (NAMES[first.outcome], NAMES[third.outcome]) == ("DENY", "APPROVAL_REQUIRED")


async def test_a_batch_over_the_limit_names_the_limit(client: AsyncScreeningClient) -> None:
    """1,000 items pass, 1,001 are refused as a whole."""
    items = [(f"k{number}", employment()) for number in range(1_001)]
    assert len(await client.screen_employment_batch(items[:1_000])) == 1_000
    with pytest.raises(NotDecided) as raised:
        await client.screen_employment_batch(items)
    assert (raised.value.reason, raised.value.metadata) == ("TOO_MANY_ITEMS", {"limit": "1000", "items": "1001"})


async def test_a_batch_refuses_doubled_and_missing_keys(client: AsyncScreeningClient) -> None:
    """An answer without a key of its own could be taken for another's."""
    results = await client.screen_information_request_batch([("a", request()), ("a", request()), ("", request())])
    assert [isinstance(answer, NotDecided) for _, answer in results] == [False, True, True]
    with pytest.raises(NotDecided):
        await client.screen_information_request_batch([])


async def test_a_stream_answers_every_item_with_its_key(client: AsyncScreeningClient) -> None:
    """Without a cap, in any order, bad items included."""

    async def items() -> AsyncIterator[tuple[str, Any]]:
        for number in range(1_500):
            yield (f"k{number}" if number != 7 else "not a key", request(DETAINER))

    results = [result async for result in client.screen_information_request_stream(items())]
    assert len(results) == 1_500
    assert len({key for key, _ in results}) == 1_500
    failed = [key for key, answer in results if isinstance(answer, NotDecided)]
    assert failed == ["not a key"]


async def test_a_stream_frame_that_does_not_parse_leaves_the_rest_unharmed(app: App) -> None:
    """Its error has no key, because none could be read."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        method: Any = channel.stream_stream("/city.screening.v1.ScreeningService/StreamScreenEmployment")
        item = screening_service_pb2.ScreenEmploymentItem(key="good", request=employment())
        frames = [b"\xff\xff", screening_service_pb2.StreamScreenEmploymentRequest(item=item).SerializeToString()]
        replies = [
            screening_service_pb2.StreamScreenEmploymentResponse.FromString(reply).result
            async for reply in method(iter(frames))
        ]
    assert {reply.key: reply.WhichOneof("result") for reply in replies} == {"": "error", "good": "decision"}


async def test_decisions_are_listed_page_by_page(client: AsyncScreeningClient) -> None:
    """By outcome, rule, unit and time, with tokens that hold for the same filters only."""
    for unit in ("lapd", "library", "lapd", "lapd"):
        await client.screen_information_request(request(ADDRESS_REQUEST, city_unit=unit))
    await client.screen_employment(employment(ICE_JOB))
    asked = decision_log_service_pb2.ListDecisionsRequest(
        page_size=2, city_unit=information_request_facts_pb2.CITY_UNIT_LAPD
    )
    first = await client.list_decisions(asked)
    asked.page_token = first.next_page_token
    second = await client.list_decisions(asked)
    assert (len(first.decisions), len(second.decisions), second.next_page_token) == (2, 1, "")
    assert first.decisions[0].decision_time.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)
    asked.city_unit = information_request_facts_pb2.CITY_UNIT_LIBRARY
    with pytest.raises(NotDecided) as raised:
        await client.list_decisions(asked)
    assert raised.value.fields[0][0] == "page_token"
    by_rule = decision_log_service_pb2.ListDecisionsRequest(rule_id="moonlighting.immigration_agency")
    assert len((await client.list_decisions(by_rule)).decisions) == 1


@pytest.mark.parametrize("field", ["page_size", "page_token", "outcome", "city_unit", "start_time"])
async def test_a_wrong_listing_is_refused(client: AsyncScreeningClient, field: str) -> None:
    """Each argument is checked."""
    asked = decision_log_service_pb2.ListDecisionsRequest()
    if field == "start_time":
        asked.start_time.seconds = 10**15
    elif field == "page_token":
        asked.page_token = "%%%"
    else:
        setattr(asked, field, 5_000)
    with pytest.raises(NotDecided) as raised:
        await client.list_decisions(asked)
    assert [name for name, _ in raised.value.fields] == [field]


async def test_a_message_that_does_not_parse_is_an_invalid_argument(app: App) -> None:
    """And not UNKNOWN with a parser's text."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        method: Any = channel.unary_unary("/city.screening.v1.ScreeningService/ScreenEmployment")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(b"\x0a\x7fSECRET")
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "SECRET" not in str(raised.value.details())


@pytest.mark.parametrize("size", [5_000_000, 8_000_000])
async def test_a_message_that_is_too_large_is_refused_and_the_service_lives(
    app: App, client: AsyncScreeningClient, size: int
) -> None:
    """By us with a reason up to 6 MiB, by the transport beyond."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        method: Any = channel.unary_unary("/city.screening.v1.ScreeningService/ScreenEmployment")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(b"\x0a" * size)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    if size < TRANSPORT_LIMIT:
        assert reason_of(raised.value) == "MESSAGE_TOO_LARGE"
    assert (await client.screen_employment(employment())).decision_id


async def test_refused_calls_are_recorded_the_first_few_and_the_rest_counted(tmp_path: Path) -> None:
    """Nobody fills the disk with bad calls, and none is left out: neither what is invalid nor what does not parse."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data")
    bodies = [*[b""] * 9, *[b"\xff"] * 3]
    async with running(settings) as app, grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        method: Any = channel.unary_unary("/city.screening.v1.ScreeningService/ScreenEmployment")
        for body in bodies:
            with pytest.raises(grpc.aio.AioRpcError):
                await method(body)
    with closing(sqlite3.connect(settings.data / "log.db")) as log:
        records = [json.loads(row[0]) for row in log.execute("SELECT canonical FROM record ORDER BY log_index")]
    assert [each["kind"] for each in records[:6]] == ["activation", *["refusal"] * 5]
    counted = Counter(each["reason"] for each in records if each["kind"] == "refusal")
    for each in [count for record in records if record["kind"] == "refusals" for count in record["counts"]]:
        counted[each["reason"]] += each["count"]
    assert counted == {"INVALID_FIELD": 9, "UNPARSEABLE": 3}


async def test_health_is_serving_overall_and_for_each_service(app: App) -> None:
    """A probe may ask either."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", "city.screening.v1.ScreeningService", "city.screening.v1.DecisionLogService"):
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_names_the_services(app: App) -> None:
    """A tool finds its way without the proto files."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]  # stubs know no aio
        replies = [
            reply
            async for reply in stub.ServerReflectionInfo(
                iter([reflection_pb2.ServerReflectionRequest(list_services="")])
            )
        ]
    names = {service.name for service in replies[0].list_services_response.service}
    assert {"city.screening.v1.ScreeningService", "city.screening.v1.DecisionLogService"} <= names
