"""Every span, attribute, metric and log-line name that the service emits. A test refuses others."""

SPAN_STAGES = {
    "request.check": "Parse the message and check every field",
    "names.resolve": "Find out which registered organisation a name is",
    "words.read": "Read free text by the lexicon",
    "law.evaluate": "Apply the law in force and compose the answer",
    "record.seal": "Make the record and seal its private part",
    "log.append": "Wait until the record is durable",
    "log.read": "Read records",
}
"""Inner spans of a call, in the order in which they may stand, with what each is."""

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

EVENT_CALL = "rpc.handled"
"""The one log line of a call."""

EVENT_RELOAD = "reload"
"""The log line of something read anew from its files: source, taken, and the problem where it was not."""

METRICS = {
    "screening_calls_total": "Calls handled, by rpc and gRPC status code",
    "screening_call_seconds": "Time from a call's first byte read to its answer, by rpc",
    "screening_decisions_total": "Decisions answered, by rpc and outcome",
    "screening_refused_by_transport_total": "Calls whose message the transport itself refused or never delivered",
    "screening_log_healthy": "1 while the last append to the decision log succeeded",
    "screening_spans_dropped_total": "Spans that could not be exported",
}
