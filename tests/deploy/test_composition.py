"""What runs beside the service: the composition by its schema, and the files that it mounts, matched up with each other.

No collector, Grafana or container engine is to be had where tests run, so these files are parsed, and what one says of
another is compared.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from compose_spec import PyOptions

from deploy import dashboards
from tests.deploy import kustomize
from tests.deploy.conftest import DEPLOY

TEXT = (DEPLOY / "compose/compose.yaml").read_text(encoding="utf-8")
OPTIONS = PyOptions(apply_merge=True)


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the composition, with what they share merged into each."""
    services: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return services


@pytest.fixture
def collector() -> dict[str, Any]:
    """The collector's configuration."""
    whole: dict[str, Any] = yaml.safe_load((DEPLOY / "collector/config.yaml").read_text(encoding="utf-8"))
    return whole


def provisioned(name: str) -> dict[str, Any]:
    """Return a file that Grafana starts with."""
    whole: dict[str, Any] = yaml.safe_load((DEPLOY / f"grafana/provisioning/{name}/screening.yaml").read_text())
    return whole


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return what a service mounts, by the place where it sees it."""
    return {each.split(":")[1]: each.split(":")[0] for each in service.get("volumes", [])}


def test_the_composition_is_what_compose_takes() -> None:
    """By the schema of the Compose Specification; every network and secret that is used is declared."""
    OPTIONS.from_yaml(TEXT).validate()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tmpfs: [/tmp]", "tmpfz: [/tmp]"),
        ("networks: [storage]", "networks: [nowhere]"),
        ("stop_grace_period: 60s", "stop_grace_period: soon"),
        ("condition: service_healthy", "condition: service_fine"),
        ("secrets: [grafana_password]", "secrets: [password]"),
    ],
)
def test_a_composition_that_is_wrong_is_refused(old: str, new: str) -> None:
    """So that the check above can fail."""
    assert old in TEXT
    with pytest.raises(ValueError, match=r"."):
        OPTIONS.from_yaml(TEXT.replace(old, new, 1)).validate()


def test_the_composition_mounts_only_what_is_there(services: dict[str, Any]) -> None:
    """And nothing in it may do what it need not."""
    volumes = yaml.safe_load(TEXT)["volumes"]
    for service in services.values():
        for source in mounts(service).values():
            known = (DEPLOY / "compose" / source).exists() if source.startswith(".") else source in volumes
            assert known, source
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert "image" not in service or re.search(r":v?\d+\.\d+", service["image"]), service["image"]


def test_every_part_of_the_collector_is_defined_and_used(collector: dict[str, Any]) -> None:
    """Receivers, processors and exporters of the pipelines, and extensions; telemetry of all three kinds has a pipeline."""
    pipelines = collector["service"]["pipelines"]
    assert pipelines.keys() == {"traces", "metrics", "logs"}
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[kind]}
        assert used == collector[kind].keys(), kind
    assert set(collector["service"]["extensions"]) == collector["extensions"].keys()
    for pipeline in pipelines.values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"


def test_the_service_sends_where_the_collector_listens(collector: dict[str, Any], services: dict[str, Any]) -> None:
    """In the composition and in Kubernetes; over a network that both are on."""
    port = int(collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].rpartition(":")[2])
    composed = urlsplit(services["screening"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert (composed.scheme, composed.hostname, composed.port) == ("http", "collector", port)
    assert set(services["screening"]["networks"]) & set(services["collector"]["networks"])
    (settings,) = (
        each["data"]
        for each in kustomize.build(DEPLOY / "kubernetes/base")
        if each["metadata"]["name"] == "screening-settings"
    )
    assert urlsplit(settings["OTEL_EXPORTER_OTLP_ENDPOINT"]).port == port


def test_the_collector_is_started_with_what_its_configuration_asks_for(
    collector: dict[str, Any], services: dict[str, Any]
) -> None:
    """The file itself, every variable, a distribution that has its parts, and a place for traces that takes OTLP."""
    service = services["collector"]
    (command,) = service["command"]
    assert mounts(service)[command.removeprefix("--config=")] == "../collector/config.yaml"
    text = (DEPLOY / "collector/config.yaml").read_text()
    assert set(re.findall(r"\$\{env:(\w+)\}", text)) == service["environment"].keys()
    assert "-contrib:" in service["image"]
    host, port = service["environment"]["TRACES_ENDPOINT"].split(":")
    assert set(services[host]["networks"]) & set(service["networks"])
    assert int(port) == 4317  # where Jaeger takes OTLP over gRPC
    assert collector["exporters"]["otlp/traces"]["endpoint"] == "${env:TRACES_ENDPOINT}"


def test_prometheus_scrapes_the_service_where_it_serves_metrics(services: dict[str, Any]) -> None:
    """By the name that it has in the composition, with rules and exemplars."""
    whole = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    ((target,),) = (each["targets"] for each in whole["scrape_configs"][0]["static_configs"])
    host, port = target.split(":")
    image = (DEPLOY / "Dockerfile").read_text()
    assert f"SCREENING_METRICS_LISTEN=0.0.0.0:{port}" in image
    assert set(services[host]["networks"]) & set(services["prometheus"]["networks"])
    mounted = mounts(services["prometheus"])
    assert mounted["/etc/prometheus/prometheus.yml"] == "../prometheus/prometheus.yml"
    assert [mounted[f"/etc/prometheus/{name}"] for name in whole["rule_files"]] == ["../prometheus/rules.yaml"]
    assert "--enable-feature=exemplar-storage" in services["prometheus"]["command"]


def test_grafana_is_provisioned_with_sources_that_are_there(services: dict[str, Any]) -> None:
    """Each at the address of a service of the composition; the dashboards and the exemplars lead to them."""
    sources = {each["uid"]: each for each in provisioned("datasources")["datasources"]}
    assert sources.keys() == {"prometheus", "jaeger"}
    for each in sources.values():
        address = urlsplit(each["url"])
        assert address.hostname == each["type"]
        assert set(services[each["type"]]["networks"]) & set(services["grafana"]["networks"])
        assert any(port.endswith(f":{address.port}") for port in services[each["type"]]["ports"])
    assert sources[dashboards.SOURCE["uid"]]["type"] == dashboards.SOURCE["type"]
    (destination,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert destination == {"name": "trace_id", "datasourceUid": "jaeger"}
    assert [each["isDefault"] for each in sources.values() if "isDefault" in each] == [True]


def test_grafana_finds_the_dashboards(services: dict[str, Any]) -> None:
    """Where the composition mounts them, and nobody edits them there."""
    (provider,) = provisioned("dashboards")["providers"]
    mounted = mounts(services["grafana"])
    assert mounted[provider["options"]["path"]] == "../grafana/dashboards"
    assert mounted["/etc/grafana/provisioning"] == "../grafana/provisioning"
    assert provider["allowUiUpdates"] is False
    assert (DEPLOY / "compose" / mounted[provider["options"]["path"]]).resolve() == dashboards.FOLDER
