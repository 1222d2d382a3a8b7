"""A real Prometheus (Debian's package) for the tests and the demo: one target, the rules of this folder, a second's step."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

FOLDER = Path(__file__).parent / "prometheus"
START_SECONDS = 30


class Prometheus:
    """Scrapes one address every second. Its data lies in `scratch`; it ends with the block."""

    def __init__(self, target: str, scratch: Path, *, step: str = "1s") -> None:
        """Start it. Raises FileNotFoundError if the package is missing (deploy/tools.sh)."""
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": step, "evaluation_interval": step}
        config["rule_files"] = [str(FOLDER / "rules.yaml")]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        file = scratch / "prometheus.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.address = f"127.0.0.1:{free_port()}"
        self._log = (scratch / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={scratch / 'prometheus'}",
                f"--web.listen-address={self.address}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.wait(lambda: self.query("up == 1"), "a first scrape")

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of Prometheus' HTTP API."""
        with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}") as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the series of an expression now, as labels and value."""
        return [(each["metric"], float(each["value"][1])) for each in self.get("query", query=expression)["result"]]

    def wait(self, there: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
        """Return what `there` returns once it is not empty. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if found := there():
                    return found
            except OSError:
                assert self._process.poll() is None, Path(self._log.name).read_text(encoding="utf-8")
            time.sleep(0.2)
        raise TimeoutError(f"Prometheus shows no {what}")

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._log.close()

    def __enter__(self) -> Self:
        """Return the running Prometheus."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.close()


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
