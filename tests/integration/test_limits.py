"""What happens at each limit, over real connections."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import information_request_facts_pb2, screening_service_pb2
from google.rpc import error_details_pb2, status_pb2
from screening.config import Settings
from screening.transport import exchange
from screening.wiring import running
from screening_client import AsyncScreeningClient, NotDecided

from tests.factories import ICE_JOB, employment, request

EMPLOYMENT = "/city.screening.v1.ScreeningService/ScreenEmployment"
STREAM = "/city.screening.v1.ScreeningService/StreamScreenEmployment"
REFUSALS = "SELECT canonical FROM record WHERE kind = 'refusal'"
CALLERS = """callers:
  - name: payroll
    identities: [local]
    rpcs: [ScreenEmployment, BatchScreenEmployment, StreamScreenEmployment]
    packs: all
    quota: {decisions_per_second: %d, burst: %d, streams: 1}
"""


def limited(folder: Path, rate: int, burst: int, **changes: Any) -> Settings:
    """Return the settings of a service whose only caller has a quota."""
    (folder / "callers.yaml").write_text(CALLERS % (rate, burst))
    return Settings(listen="127.0.0.1:0", data=folder / "data", callers=folder / "callers.yaml", **changes)


def details(error: grpc.aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, int]:
    """Return ErrorInfo, RetryInfo, and what gRPC's own retries are told, in milliseconds."""
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    rich = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert rich.details[0].Unpack(info)
    assert rich.details[1].Unpack(retry)
    return info, retry, int(trailers["grpc-retry-pushback-ms"])


async def test_a_spent_quota_is_refused_with_the_time_to_come_again(tmp_path: Path) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, and the same for gRPC's own retries."""
    async with running(limited(tmp_path, rate=1, burst=2)) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            for _ in range(2):
                await ask(employment().SerializeToString())
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(employment().SerializeToString())
    info, retry, pushback = details(raised.value)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (info.reason, info.metadata["quota"]) == ("QUOTA_SPENT", "decisions_per_second")
    assert 0 < retry.retry_delay.ToMilliseconds() == pushback <= 1_000


async def test_our_client_waits_as_it_is_told_and_gets_its_answer(tmp_path: Path) -> None:
    """A quota slows a caller down; it does not fail it."""
    async with running(limited(tmp_path, rate=20, burst=1)) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}") as client:
            answers = [await client.screen_employment(employment(ICE_JOB)) for _ in range(5)]
    assert len({answer.decision_id for answer in answers}) == 5


async def test_a_batch_is_paid_for_by_the_calls_after_it(tmp_path: Path) -> None:
    """It is let in whole, and the average holds."""
    async with running(limited(tmp_path, rate=1, burst=5)) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=2) as client:
            assert len(await client.screen_employment_batch([(f"k{n}", employment()) for n in range(50)])) == 50
            with pytest.raises(NotDecided) as raised:
                await client.screen_employment(employment())
    assert raised.value.reason in ("QUOTA_SPENT", "DEADLINE_EXCEEDED")
    assert raised.value.reason == "DEADLINE_EXCEEDED" or (raised.value.retry_seconds or 0) > 0


async def test_a_stream_is_read_at_the_rate_of_its_quota(tmp_path: Path) -> None:
    """No item fails for coming too fast, and a second stream is one too many."""
    end = asyncio.Event()

    async def items() -> AsyncIterator[tuple[str, Any]]:
        for number in range(30):
            yield f"k{number}", employment()
        await end.wait()

    async with running(limited(tmp_path, rate=100, burst=1)) as app:
        target = f"127.0.0.1:{app.port}"
        async with AsyncScreeningClient(target) as client, grpc.aio.insecure_channel(target) as channel:
            first = client.screen_employment_stream(items())
            results = [await anext(first)]
            second: Any = channel.stream_stream(STREAM)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await second(iter([])).read()
            end.set()
            results += [result async for result in first]
    assert details(raised.value)[0].metadata == {"quota": "streams"}
    assert len([answer for _, answer in results if not isinstance(answer, NotDecided)]) == 30


async def test_calls_beyond_what_is_taken_on_are_refused_and_the_rest_are_answered(tmp_path: Path) -> None:
    """With a reason each, at once; none is lost and none ends otherwise. Afterwards all is as before."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", most_in_flight=1)
    question = employment().SerializeToString()
    async with running(settings) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)

            async def outcome() -> str:
                try:
                    await ask(question)
                except grpc.aio.AioRpcError as error:
                    info, retry, _ = details(error)
                    assert retry.retry_delay.ToMilliseconds() > 0
                    return f"{info.reason}: {info.metadata['limit']}"
                return "answered"

            outcomes = await asyncio.gather(*(outcome() for _ in range(60)))
            assert await outcome() == "answered"
    assert set(outcomes) == {"answered", "TOO_BUSY: calls"}


async def test_a_caller_that_does_not_wait_is_refused_more_slowly_but_as_clearly(tmp_path: Path) -> None:
    """Before its deadline, with reason and RetryInfo, and a few times a second instead of as often as it asks."""
    async with running(limited(tmp_path, rate=1, burst=1)) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", options=[("grpc.enable_retries", 0)]) as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            refusals: list[grpc.aio.AioRpcError] = []
            end = asyncio.get_running_loop().time() + 3
            while asyncio.get_running_loop().time() < end:
                try:
                    await ask(employment().SerializeToString(), timeout=0.8)
                except grpc.aio.AioRpcError as error:
                    refusals.append(error)
    assert {details(error)[0].reason for error in refusals} == {"QUOTA_SPENT"}
    assert 1 <= len(refusals) <= 12


class Hoarder:
    """A caller that sends a stream's questions and reads no answer."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stream: Any = channel.stream_stream(STREAM)
        self.call = stream(self._questions())
        self.sent = 0
        """Bytes of questions."""

    async def _questions(self) -> AsyncIterator[bytes]:
        kind = screening_service_pb2.StreamScreenEmploymentRequest
        while True:
            item = screening_service_pb2.ScreenEmploymentItem(key="k", request=employment(ICE_JOB))
            body = kind(item=item).SerializeToString()
            yield body
            self.sent += len(body)


async def test_a_caller_that_reads_no_answers_is_read_no_further_and_then_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its items stay bounded, its stream ends with a reason, its place is free again, others are served meanwhile."""
    monkeypatch.setattr(exchange, "UNREAD_SECONDS", 1)
    async with running(limited(tmp_path, rate=100_000, burst=100_000)) as app:
        options = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", options=options) as channel:
            hoarder = Hoarder(channel)
            await hoarder.call.read()  # the stream is open
            ask: Any = channel.unary_unary(EMPLOYMENT)
            while app.admission.streams:
                await ask(employment().SerializeToString())
                await asyncio.sleep(0.05)
            assert hoarder.sent < 2**20  # what the transport's own windows hold
            while not (refusals := app.log._read_log.execute(REFUSALS).fetchall()):
                await asyncio.sleep(0.05)
    assert b'"reason":"SLOW_READER"' in bytes(refusals[0][0])  # gRPC's client, cut off while sending, loses it


async def test_long_texts_and_lists_are_refused_by_their_field(client: AsyncScreeningClient) -> None:
    """Before anything is made of them."""
    long_text, long_list = employment(), request()
    long_text.facts.employer_name = "x" * 100_000
    long_list.facts.data_categories.extend([information_request_facts_pb2.DATA_CATEGORY_PHONE] * 10_000)
    with pytest.raises(NotDecided) as text:
        await client.screen_employment(long_text)
    with pytest.raises(NotDecided) as elements:
        await client.screen_information_request(long_list)
    assert [name for name, _ in text.value.fields] == ["facts.employer_name"]
    assert [name for name, _ in elements.value.fields] == ["facts.data_categories"]


async def test_a_question_whose_record_would_be_too_long_is_refused(tmp_path: Path) -> None:
    """With INVALID_ARGUMENT, alone and in a batch, whose other items are answered; checkpoints go on."""
    words = ["\N{LATIN SMALL LETTER E WITH ACUTE}" * 190 + f" {number}" for number in range(64)]
    long = request(instrument_scope=words, instrument_defects=words, convictions=[{"offense": each} for each in words])
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", tile_entries=True, checkpoint_seconds=0.05)
    async with running(settings) as app, AsyncScreeningClient(f"127.0.0.1:{app.port}") as client:
        with pytest.raises(NotDecided) as refused:
            await client.screen_information_request(long)
        assert refused.value.reason == "INVALID_FIELD"
        ((field, expected),) = refused.value.fields
        assert (field, "65,535 bytes" in expected) == ("facts", True)
        results = await client.screen_information_request_batch([("long", long), ("short", request())])
        assert [isinstance(answer, NotDecided) for _, answer in results] == [True, False]
        kept = await client.screen_information_request(request())
        for _ in range(200):
            if (settings.tiles_directory / "tile/entries").exists():
                break
            await asyncio.sleep(0.05)
        assert (await client.get_decision(kept.decision_id)).decision_id == kept.decision_id
    assert (settings.tiles_directory / "tile/entries").exists()
