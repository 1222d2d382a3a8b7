"""Deciding again what was decided, over every implementation of the log."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from city.screening.v1 import decision_pb2
from screening.bundle import Bundle, build, unpack
from screening.custody import Custody
from screening.decisionlog.decision_record import AnsweredCall, decision_record
from screening.decisionlog.keyring import fixed
from screening.decisionlog.port import DecisionLog
from screening.decisionlog.receipt import Receipts
from screening.decisionlog.record import Record
from screening.decisionlog.seal import Sealer
from screening.replay import KEY_LOST, Change, Replayed, Verdict, replay
from screening.screen import Screen, form_opinion
from screening.transport import convert
from screening.transport.identity import new_id

from tests.factories import ICE_JOB, employment, request

SEALER = Sealer(fixed(b"k" * 32), b"r" * 32, os.urandom)
NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def milder(bundle: Bundle) -> Bundle:
    """A law under which nobody's outside work is denied."""
    files, settings = unpack(bundle.packed, bundle.revision)
    softened = {
        path: text.replace("outcome: DENY", "outcome: REVIEW")
        for path, text in files.items()
        if "subject: employment" in text
    }
    return build({**files, **softened}, settings)


async def answered(log: DecisionLog, bundle: Bundle) -> list[str]:
    """Have three questions answered as a service does, and return their ids."""
    screen = Screen(
        bundle=lambda: bundle,
        log=log,
        sealer=SEALER,
        clock=lambda: NOW,
        new_id=new_id,
        receipts=Receipts("example.test/log", 60),
    )
    await log.keep_bundle(bundle.revision, bundle.packed)
    asked = [
        convert.ask(question, today=NOW.date(), rpc=rpc, caller="c", trace_id="")
        for question, rpc in (
            (employment(ICE_JOB, request_id="first-one"), "ScreenEmployment"),
            (employment(), "BatchScreenEmployment"),
            (request(), "ScreenInformationRequest"),
        )
    ]
    answers = [await screen.answer(each, lambda _: None) for each in asked]
    return [answer.decision_id for answer in answers]


async def replayed(
    log: DecisionLog, *, before: Bundle | None = None, under: Bundle | None = None
) -> Sequence[Replayed]:
    """Replay everything."""
    return [each async for each in replay(log, SEALER, before=before, under=under)]


async def test_every_decision_comes_out_identical_under_its_own_recorded_law(log: DecisionLog, bundle: Bundle) -> None:
    """Nothing but the log is needed."""
    ids = await answered(log, bundle)
    found = await replayed(log)
    assert [each.decision_id for each in found] == ids
    assert [(each.verdict, each.reason) for each in found] == [(Verdict.IDENTICAL, "")] * 3


async def test_an_erased_decision_cannot_be_replayed(log: DecisionLog, bundle: Bundle) -> None:
    """The reason is said; the others are replayed."""
    await answered(log, bundle)
    custody = Custody(log, SEALER, lambda: NOW, new_id, "clerk")
    await custody.erase(await log.read(0, 1), "asked for")
    found = await replayed(log)
    assert [(each.verdict, each.reason) for each in found] == [
        (Verdict.NOT_REPLAYABLE, "erased"),
        (Verdict.IDENTICAL, ""),
        (Verdict.IDENTICAL, ""),
    ]


async def test_a_decision_whose_key_was_lost_is_not_said_to_be_erased(log: DecisionLog, bundle: Bundle) -> None:
    """No record says that anybody destroyed it."""
    await log.keep_bundle(bundle.revision, bundle.packed)
    await log.append([_recorded(bundle, bundle.revision)._replace(wrapped_key=None)])
    assert [each.reason for each in await replayed(log)] == [KEY_LOST]


async def test_a_bundle_that_was_altered_is_not_used(log: DecisionLog, bundle: Bundle, milder: Bundle) -> None:
    """Its hash tells."""
    await answered(log, bundle)
    await log.keep_bundle(bundle.revision, milder.packed)
    assert {each.reason for each in await replayed(log)} == {
        "its bundle was altered: the bytes are those of another bundle"
    }
    await log.keep_bundle(bundle.revision, b"nonsense")
    assert {each.reason for each in await replayed(log)} == {"its bundle was altered: the bytes are no bundle"}


async def test_a_decision_whose_bundle_is_not_kept_is_named(log: DecisionLog, bundle: Bundle, milder: Bundle) -> None:
    """With the hash that is looked for."""
    await log.append([_recorded(bundle, milder.revision)])
    assert [each.reason for each in await replayed(log)] == [f"its bundle is missing: {milder.revision}"]


async def test_a_wrong_key_is_no_erasure(log: DecisionLog, bundle: Bundle) -> None:
    """Whoever replays with the keys of another log is told so."""
    await answered(log, bundle)
    other = Sealer(fixed(b"x" * 32), b"r" * 32, os.urandom)
    assert {each.reason async for each in replay(log, other)} == {"its sealed part cannot be opened"}


async def test_another_law_shows_what_it_would_have_decided(log: DecisionLog, bundle: Bundle, milder: Bundle) -> None:
    """Against the answers that were given, or against those of a third law."""
    await answered(log, bundle)
    found = await replayed(log, under=milder)
    assert [each.verdict for each in found] == [Verdict.CHANGED, Verdict.IDENTICAL, Verdict.IDENTICAL]
    assert Change("outcome", "DENY", "REVIEW") in found[0].changes
    back = await replayed(log, before=milder, under=bundle)
    assert Change("outcome", "REVIEW", "DENY") in back[0].changes
    assert {each.verdict for each in await replayed(log, before=milder, under=milder)} == {Verdict.IDENTICAL}


async def test_an_answer_that_the_law_does_not_give_is_reported_as_changed(log: DecisionLog, bundle: Bundle) -> None:
    """As a service that was tampered with, or a version that read the law otherwise, would leave it."""
    await log.keep_bundle(bundle.revision, bundle.packed)
    await log.append([_recorded(bundle, bundle.revision, outcome=decision_pb2.OUTCOME_ALLOW)])
    (found,) = await replayed(log)
    assert (found.verdict, found.changes) == (Verdict.CHANGED, (Change("outcome", "ALLOW", "DENY"),))


async def test_a_word_that_differs_is_a_change(log: DecisionLog, bundle: Bundle) -> None:
    """Under its own law every word of the answer counts, not only what it comes to."""
    await log.keep_bundle(bundle.revision, bundle.packed)
    await log.append([_recorded(bundle, bundle.revision, policy_pack="another")])
    (found,) = await replayed(log)
    assert (found.verdict, found.changes) == (Verdict.CHANGED, (Change("policy_pack", "", ""),))


def _recorded(bundle: Bundle, revision: str, **changes: Any) -> Record:
    """Return the record of a decision that says something else than the law."""
    asked = convert.ask(employment(ICE_JOB), today=NOW.date(), rpc="ScreenEmployment", caller="c", trace_id="")
    opinion = form_opinion(asked, bundle, lambda _: None)
    call = AnsweredCall(opinion, new_id(NOW), NOW, asked.basis, "c", "", asked.request.SerializeToString(), (), None)
    decision = decision_pb2.Decision.FromString(call.decision())
    decision.bundle_revision = revision
    for name, value in changes.items():
        setattr(decision, name, value)
    return decision_record(call, decision.SerializeToString(), SEALER)
