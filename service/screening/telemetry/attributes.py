"""Every span, attribute, metric and log-line name that the service emits. A test refuses others."""

from typing import Literal, NamedTuple

SPAN_STAGES = {
    "request.check": "Parse the message and check every field",
    "opinion.recall": "Find what was decided when the same was asked; the next three are then left out",
    "names.resolve": "Find out which registered organisation a name is",
    "words.read": "Read free text by the lexicon",
    "law.evaluate": "Apply the law in force and compose the answer",
    "record.seal": "Make the record and seal its private part",
    "log.append": "Wait until the record is durable",
    "log.read": "Read records",
}
"""Inner spans of a call, in the order in which they may stand, with what each is."""

PART_SPAN = "screen.items"
"""The span of items of a stream that were decided together; it has stages of its own."""
DECISION_SPAN = "screen.decision"
"""The span of one decision, among several of a batch or stream, that was not ALLOW."""

# Attributes of the call's span: OpenTelemetry semantic conventions for RPC, then our own
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS = "rpc.response.status_code"
ERROR_TYPE = "error.type"
DECISION_ID = "screening.decision.id"
OUTCOME = "screening.outcome"
RULES = "screening.rules"
POLICY_PACK = "screening.policy_pack"
BUNDLE = "screening.bundle.revision"
ITEMS = "screening.items"
KEPT = "screening.kept"
"""Says why a trace was kept that the caller had not sampled: `outcome`."""

EVENT_CALL = "rpc.handled"
"""The one log line of a call."""
EVENT_ITEM = "rpc.item_failed"
"""The log line of an unforeseen error in an item of a batch or stream: once a call and class of error."""

EVENT_RELOAD = "reload"
"""The log line of something read anew from its files: source, taken, and the problem where it was not."""


class Measure(NamedTuple):
    """What a metric says, and the labels that part it. Each label has few values, and no caller can add one."""

    kind: Literal["counter", "gauge", "histogram"]
    doc: str
    labels: tuple[str, ...] = ()


METRICS = {
    "screening_calls_total": Measure("counter", "Calls handled, by gRPC status code", ("rpc", "caller", "code")),
    "screening_call_seconds": Measure("histogram", "Time from a call's start to its answer", ("rpc", "caller")),
    "screening_calls_in_flight": Measure("gauge", "Calls that have begun and not ended"),
    "screening_errors_total": Measure("counter", "Calls and items that were not decided", ("reason",)),
    "screening_decisions_total": Measure("counter", "Decisions answered", ("rpc", "outcome")),
    "screening_rule_decisions_total": Measure(
        "counter", "Decisions that a rule decided, alone or with others", ("rule", "outcome")
    ),
    "screening_names_total": Measure(
        "counter", "Names of employers and requesters, by how they were taken", ("result",)
    ),
    "screening_refused_by_transport_total": Measure(
        "counter", "Calls whose message the transport itself refused or never delivered"
    ),
    "screening_refusals_unrecorded_total": Measure(
        "counter", "Records of refused calls that the decision log could not take"
    ),
    "screening_log_healthy": Measure("gauge", "1 while the last append to the decision log succeeded"),
    "screening_log_tampered": Measure("gauge", "1 once the decision log contradicts what was signed"),
    "screening_checkpoints_unpublished_total": Measure(
        "counter", "Times that a checkpoint could not be exported or anchored"
    ),
    "screening_log_queue_appends": Measure("gauge", "Appends that wait for a commit of the decision log"),
    "screening_commit_seconds": Measure("histogram", "Time of a commit of the decision log, failed ones included"),
    "screening_commit_records": Measure("histogram", "Records in a commit of the decision log"),
    "screening_data_free_bytes": Measure("gauge", "Room left on the volume of the data directory"),
    "screening_loop_lag_seconds": Measure("histogram", "How late the event loop wakes: what every call waits on top"),
    "screening_spans_dropped_total": Measure("counter", "Spans that could not be exported"),
    "screening_logs_dropped_total": Measure("counter", "Log lines that could not be exported; standard error has them"),
    "screening_condition": Measure("gauge", "1 while a condition of health holds", ("condition",)),
    "screening_reloads_total": Measure(
        "counter",
        "Files read anew while running: taken, or refused with the old ones left in force",
        ("source", "result"),
    ),
    "screening_reload_failing": Measure("gauge", "1 while the newest files are refused", ("source",)),
    "screening_bundle_serial": Measure("gauge", "Serial of the signed release in force; 0: not a signed release"),
    "screening_law_age_seconds": Measure("gauge", "Age of the law in force"),
    "screening_registry_age_seconds": Measure("gauge", "Age of the registry in force"),
    "screening_refuse_after_seconds": Measure(
        "gauge", "Age of law and registry after which nothing is decided; 0: any age"
    ),
    "screening_certificate_expiry_timestamp_seconds": Measure(
        "gauge", "When the service's certificate expires, seconds since 1970; 0: no TLS"
    ),
    "screening_decisions_in_flight": Measure("gauge", "Decisions in flight, of unary calls and batches"),
    "screening_streams_open": Measure("gauge", "Open streams"),
    "screening_info": Measure("gauge", "1, with what is running", ("version", "bundle")),
}
