"""Mixed traffic for the demo: a payroll system, a records clerk, and somebody whose program is broken."""

import csv
import json
import secrets
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
from city.screening.v1 import screening_service_pb2, screening_service_pb2_grpc
from screening_client import NotDecided, ScreeningClient, employment_request, information_request

SAMPLES = Path(__file__).parents[1] / "clients" / "samples"


class Traffic:
    """Asks the samples over and over until its time is up; `counts` says what came back."""

    def __init__(self, target: str, seconds: float) -> None:
        self._target = target
        self._until = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        with (SAMPLES / "payroll.csv").open(encoding="utf-8", newline="") as file:
            rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
        self._forms = [(row.pop("key"), employment_request(row)) for row in rows]
        requests = json.loads((SAMPLES / "requests.json").read_text(encoding="utf-8"))
        self._requests = [information_request(each) for each in requests if each.pop("title")]
        self._threads = [
            threading.Thread(target=self._repeat, args=each)
            for each in ((self._payroll, 1.0), (self._clerk, 0.2), (self._broken, 2.0))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for the end."""
        for thread in self._threads:
            thread.join()

    def _repeat(self, ask: object, pause: float) -> None:
        assert callable(ask)
        with ScreeningClient(self._target) as client:
            while time.monotonic() < self._until:
                ask(client)
                time.sleep(pause)

    def _payroll(self, client: ScreeningClient) -> None:
        """A stream, and the same as a batch."""
        for results in (client.screen_employment_stream(self._forms), client.screen_employment_batch(self._forms)):
            for _, answer in results:
                self.counts["refused" if isinstance(answer, NotDecided) else "decided"] += 1

    def _clerk(self, _: ScreeningClient) -> None:
        """One request after the other; the records system does not sample its traces."""
        with grpc.insecure_channel(self._target) as channel:
            stub = screening_service_pb2_grpc.ScreeningServiceStub(channel)
            for request in self._requests:
                unsampled = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
                stub.ScreenInformationRequest(request, metadata=(("traceparent", unsampled),))
                self.counts["decided"] += 1

    def _broken(self, client: ScreeningClient) -> None:
        """A form with nothing in it."""
        try:
            client.screen_employment(screening_service_pb2.ScreenEmploymentRequest())
        except NotDecided:
            self.counts["refused"] += 1
