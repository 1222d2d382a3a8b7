"""The manifests as a cluster would get them, built from both kustomizations."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import kustomize
from tests.deploy.conftest import DEPLOY, SETTINGS

FOLDER = DEPLOY / "kubernetes"
LABEL = {"app.kubernetes.io/name": "screening"}


@pytest.fixture
def objects() -> dict[str, dict[str, Any]]:
    """The objects of the example, by kind; ConfigMaps by name instead."""
    built = kustomize.build(FOLDER / "example")
    named = {each["metadata"]["name"] if each["kind"] == "ConfigMap" else each["kind"]: each for each in built}
    assert len(named) == len(built)
    return named


@pytest.fixture
def pod(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The specification of a pod of the service."""
    spec: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("folder", ["base", "example"])
def test_what_is_built_is_what_kubernetes_takes(folder: str, tmp_path: Path) -> None:
    """Against the schema of the API, unknown fields refused; every file of the folder is in it."""
    built = kustomize.build(FOLDER / folder)
    files: list[Path] = []
    for number, each in enumerate(built):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump(each))
    checker = DEPLOY.parent / ".venv/bin/kubernetes-validate"
    done = subprocess.run([checker, "--strict", *map(str, files)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("example/kustomization.yaml", "name: screening-settings", "name: screening-setting"),
        ("example/kustomization.yaml", "path: /data/", "path: /date/"),
        ("example/kustomization.yaml", "{name: screening,", "{name: screenings,"),
        ("example/kustomization.yaml", "name: screening-callers", "name: callers"),
        ("base/kustomization.yaml", "  - network-policy.yaml\n", ""),
        ("base/kustomization.yaml", "resources:", "commonLabels: {a: b}\nresources:"),
    ],
)
def test_a_kustomization_that_does_not_fit_is_not_built(tmp_path: Path, file: str, old: str, new: str) -> None:
    """A patch, an image or a map of nothing, a file that is left out, a word that nobody checked."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    with pytest.raises(kustomize.Wrong):
        kustomize.build(copy / "example")


def test_the_overlay_says_where_which_image_and_who_may_call(objects: dict[str, dict[str, Any]]) -> None:
    """Its generator, its patch and its image reach the pods."""
    assert {each["metadata"]["namespace"] for each in objects.values()} == {"screening"}
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.city.example/screening:0.1.0"
    assert objects["screening-settings"]["data"]["SCREENING_LOG_ORIGIN"] == "screening.city.example/log"
    volumes = {each["name"]: each for each in objects["Deployment"]["spec"]["template"]["spec"]["volumes"]}
    callers = objects[volumes["callers"]["configMap"]["name"]]
    assert callers["data"]["callers.yaml"] == (FOLDER / "example/callers.yaml").read_text()


def test_kubernetes_sets_only_settings_that_exist(objects: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    """A misspelt setting would be the default in silence."""
    named = set(objects["screening-settings"]["data"]) | {each["name"] for each in pod["containers"][0]["env"]}
    assert named <= SETTINGS, named - SETTINGS


def test_probes_ask_the_listeners_that_the_settings_open(
    objects: dict[str, dict[str, Any]], pod: dict[str, Any]
) -> None:
    """Start and readiness by gRPC health; only a stuck process is killed."""
    settings = objects["screening-settings"]["data"]
    opened = {
        name: int(settings[f"SCREENING_{setting}"].rpartition(":")[2])
        for name, setting in (("grpc", "LISTEN"), ("health", "HEALTH_LISTEN"), ("metrics", "METRICS_LISTEN"))
    }
    (container,) = pod["containers"]
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == opened
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["grpc"]["port"] == opened["health"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}
    (port,) = objects["Service"]["spec"]["ports"]
    assert port["targetPort"] == "grpc"
    assert objects["Service"]["spec"]["selector"].items() <= LABEL.items()


def test_no_node_or_zone_takes_all_instances_with_it(objects: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    """A budget that leaves some and lets a node be drained, and a spread over both, each of the pods themselves."""
    deployment, budget = objects["Deployment"]["spec"], objects["PodDisruptionBudget"]["spec"]
    assert deployment["template"]["metadata"]["labels"].items() >= LABEL.items()
    assert deployment["selector"] == budget["selector"] == {"matchLabels": LABEL}
    assert 1 <= budget["minAvailable"] < deployment["replicas"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    spread = {each["topologyKey"]: each for each in pod["topologySpreadConstraints"]}
    assert spread.keys() == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(each["labelSelector"] == {"matchLabels": LABEL} for each in spread.values())
    settings = objects["screening-settings"]["data"]
    draining = float(settings["SCREENING_NOTICE_SECONDS"]) + float(settings["SCREENING_GRACE_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > draining


def test_the_network_lets_through_what_the_service_needs_and_no_more(objects: dict[str, dict[str, Any]]) -> None:
    """Callers and Prometheus in; names, PostgreSQL and the collector out; each from or to somebody named."""
    policy = objects["NetworkPolicy"]["spec"]
    assert policy["podSelector"] == {"matchLabels": LABEL}
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[50051], [9464]]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [[53, 53], [5432], [4317]]
    for rule in (*policy["ingress"], *policy["egress"]):
        assert all(peer for peer in rule.get("from", rule.get("to")))
    endpoint = objects["screening-settings"]["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert re.fullmatch(r"http://collector\.observability:4317", endpoint)


def test_secrets_are_referred_to_and_none_is_here(objects: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    """Addresses of databases from a Secret, keys and certificates as mounted ones; files that settings name are mounted."""
    assert "Secret" not in objects
    (container,) = pod["containers"]
    assert {each["name"] for each in container["env"]} == {"SCREENING_DATABASE", "SCREENING_KEYS_DATABASE"}
    assert all(each["valueFrom"]["secretKeyRef"]["name"] == "screening-database" for each in container["env"])
    secret = {each["name"] for each in pod["volumes"] if "secret" in each}
    assert secret == {"keys", "tls"}
    whole = yaml.safe_dump_all(objects.values())
    assert not re.search(r"PRIVATE KEY|postgres(ql)?://|password", whole, re.IGNORECASE)
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    assert {each["name"] for each in mounts.values()} == {each["name"] for each in pod["volumes"]}
    for name, value in objects["screening-settings"]["data"].items():
        if value.startswith("/"):
            assert any(value == path or value.startswith(f"{path}/") for path in mounts), name
    assert mounts["/etc/screening/keys"]["readOnly"]


def test_a_pod_may_do_nothing_that_it_does_not_need(objects: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    """Nobody's user, a root file system that is only read, no capability, no token of the cluster."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == objects["ServiceAccount"]["metadata"]["name"]
