"""Builds a kustomization as `kubectl kustomize` would, as far as deploy/ uses it; refuses every other word.

Debian's kubectl is older than the words of kustomize that are used here, and there is no other package of it. What differs
from the original: the suffix of a generated map is another hash, and objects stand in the order in which they are named.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = "kustomization.yaml"
_WORDS = {
    "apiVersion",
    "kind",
    "resources",
    "labels",
    "namespace",
    "images",
    "configMapGenerator",
    "patches",
}
_CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass"}


class Wrong(ValueError):
    """A kustomization does not fit what it stands beside; the text says where."""


def build(folder: Path) -> list[dict[str, Any]]:
    """Return the objects that a folder stands for. Raises Wrong, OSError, yaml.YAMLError."""
    whole = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    if unknown := whole.keys() - _WORDS:
        raise Wrong(f"{folder / FILE}: {sorted(unknown)} is not understood here")
    _check_files(folder, whole)
    objects = [each for name in whole["resources"] for each in _read(folder / name)]
    for generated in whole.get("configMapGenerator", []):
        _generate(folder, generated, objects)
    for patch in whole.get("patches", []):
        _patch(patch, objects)
    for image in whole.get("images", []):
        _name_image(image, objects)
    for each in whole.get("labels", []):
        _label(each, objects)
    if namespace := whole.get("namespace"):
        for each in objects:
            if each["kind"] not in _CLUSTER_WIDE:
                each["metadata"]["namespace"] = namespace
    return objects


def containers(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every container of every pod template."""
    for each in objects:
        if template := _template(each):
            yield from template["spec"]["containers"]


def _check_files(folder: Path, whole: Mapping[str, Any]) -> None:
    """Refuse a file that nothing names: it would not be applied, and nobody would see."""
    named = {FILE, *whole["resources"]}
    named |= {file for each in whole.get("configMapGenerator", []) for file in each["files"]}
    if left := {path.name for path in folder.iterdir()} - named:
        raise Wrong(f"{folder}: nothing names {sorted(left)}")


def _read(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        return build(path.resolve())
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _generate(folder: Path, wanted: Mapping[str, Any], objects: list[dict[str, Any]]) -> None:
    """Make a map from files, and have whoever refers to it refer to its name with the hash."""
    data = {name: (folder / name).read_text(encoding="utf-8") for name in wanted["files"]}
    suffix = hashlib.sha256(repr(sorted(data.items())).encode()).hexdigest()[:10]
    made = f"{wanted['name']}-{suffix}"
    referring = [each for each in _maps(objects) if each.get("name") == wanted["name"]]
    if not referring:
        raise Wrong(f"nothing refers to the generated map {wanted['name']}")
    for each in referring:
        each["name"] = made
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made}, "data": data})


def _maps(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in objects:
        spec = (_template(each) or {"spec": {}})["spec"]
        yield from (volume["configMap"] for volume in spec.get("volumes", []) if "configMap" in volume)
    for container in containers(objects):
        yield from (source["configMapRef"] for source in container.get("envFrom", []) if "configMapRef" in source)


def _patch(patch: Mapping[str, Any], objects: list[dict[str, Any]]) -> None:
    target = patch["target"]
    found = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])]
    if not found:
        raise Wrong(f"the patch of {target} has nothing to change")
    for each in found:
        for step in yaml.safe_load(patch["patch"]):
            place: Any = each
            *way, last = [word.replace("~1", "/").replace("~0", "~") for word in step["path"].split("/")[1:]]
            try:
                for word in way:
                    place = place[int(word)] if isinstance(place, list) else place[word]
            except (KeyError, IndexError):
                raise Wrong(f"the patch of {target} leads nowhere: {step['path']}") from None
            if step["op"] not in ("add", "replace") or (step["op"] == "replace" and last not in place):
                raise Wrong(f"the patch of {target} cannot {step['op']} {step['path']}")
            place[last] = step["value"]


def _name_image(image: Mapping[str, str], objects: list[dict[str, Any]]) -> None:
    found = [each for each in containers(objects) if each["image"].partition(":")[0] == image["name"]]
    if not found:
        raise Wrong(f"no container has the image {image['name']}")
    for each in found:
        each["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"


def _label(wanted: Mapping[str, Any], objects: list[dict[str, Any]]) -> None:
    if wanted.get("includeSelectors"):
        raise Wrong("labels in selectors are not understood here")
    for each in objects:
        places = [each["metadata"]]
        if wanted.get("includeTemplates") and (template := _template(each)):
            places.append(template["metadata"])
        for place in places:
            place["labels"] = {**place.get("labels", {}), **wanted["pairs"]}


def _template(each: Mapping[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = each.get("spec", {}).get("template")
    return found
