"""Our client and our command over TLS: with a certificate, with a token, and with what proves nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from screening.config import Settings
from screening.wiring import App, running
from screening_client import AsyncScreeningClient, NotDecided, NotPermitted, ScreeningClient

from tests.credentials import AUDIENCE, ISSUER, Authority, Issuer, write_tls
from tests.factories import ICE_JOB, employment

SAMPLES = Path(__file__).parents[2] / "clients/samples"
CALLERS = """callers:
  - name: payroll
    identities: ["spiffe://city.example/payroll", "jwt:payroll"]
    rpcs: [ScreenEmployment, StreamScreenEmployment, GetStatus]
    packs: [la_city]
  - name: clerk
    identities: ["dns:records.city.example"]
    rpcs: [ScreenInformationRequest]
    units: all
    packs: [la_city]
"""


class Site:
    """The files of a service and of its callers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.issuer = Authority(), Issuer()
        (folder / "callers.yaml").write_text(CALLERS)
        (folder / "keys.json").write_text(self.issuer.jwks)
        (folder / "token").write_text(self.issuer.token("payroll") + "\n")
        tls: dict[str, Any] = write_tls(folder, self.authority, self.authority.leaf("localhost"))
        self.settings = Settings(
            listen="127.0.0.1:0",
            data=folder / "data",
            callers=folder / "callers.yaml",
            jwks=str(folder / "keys.json"),
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            **tls,
        )

    def environ(self, *names: str, authority: Authority | None = None) -> dict[str, str]:
        """Return the environment of a command that shows a certificate."""
        leaf = self.authority.leaf(*names)
        files = {"CA": (authority or self.authority).pem, "CERTIFICATE": leaf.certificate, "KEY": leaf.key}
        for kind, pem in files.items():
            (self.folder / f"client-{kind}").write_bytes(pem)
        return {f"SCREENING_CLIENT_{kind}": str(self.folder / f"client-{kind}") for kind in files}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Certificates, keys and callers."""
    return Site(tmp_path)


@pytest.fixture
async def app(site: Site) -> AsyncIterator[App]:
    """A service whose callers have certificates."""
    async with running(site.settings) as running_app:
        yield running_app


async def test_a_certificate_and_a_token_each_prove_who_asks(site: Site, app: App) -> None:
    """With mutual TLS; without it, a token alone; in the async client and in the blocking one."""
    credentials = site.authority.channel(site.authority.leaf("spiffe://city.example/payroll"))
    async with AsyncScreeningClient(f"localhost:{app.port}", credentials=credentials) as client:
        assert (await client.screen_employment(employment())).decision_id
        with pytest.raises(NotPermitted, match="DENY"):
            await client.permit_employment(employment(ICE_JOB))
    open_to_all = replace(site.settings, tls_client_ca=None, data=site.folder / "two")
    async with running(open_to_all) as other:

        def ask(token: str) -> str:
            credentials = site.authority.channel()
            with ScreeningClient(f"localhost:{other.port}", credentials=credentials, token=lambda: token) as blocking:
                return blocking.screen_employment(employment()).decision_id

        assert await asyncio.to_thread(ask, site.issuer.token("payroll"))
        with pytest.raises(NotDecided, match="UNAUTHENTICATED"):
            await asyncio.to_thread(ask, site.issuer.token("payroll", exp=1))


async def test_an_expired_or_foreign_certificate_gives_no_permit(site: Site, app: App) -> None:
    """Nothing was decided, and so nothing may be done."""
    for leaf, trusted in (
        (Authority().leaf("spiffe://city.example/payroll"), site.authority),
        (site.authority.leaf("spiffe://city.example/payroll", lasts=timedelta(seconds=-1)), site.authority),
        (site.authority.leaf("spiffe://city.example/payroll"), Authority()),
    ):
        credentials = trusted.channel(leaf)
        async with AsyncScreeningClient(f"localhost:{app.port}", credentials=credentials, timeout=1) as client:
            with pytest.raises(NotPermitted, match="nothing was decided"):
                await client.permit_employment(employment())


def run(app: App, environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb against the service."""
    command = [sys.executable, "-m", "screening", *words, "--target", f"localhost:{app.port}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})


async def test_the_samples_are_screened_over_tls_by_the_command(site: Site, app: App) -> None:
    """Each caller its own; what the other may ask is refused with a reason; status too."""
    payroll = site.environ("spiffe://city.example/payroll")
    forms = ("employment", str(SAMPLES / "payroll.csv"))
    requests = ("request", str(SAMPLES / "requests.json"))
    good = await asyncio.to_thread(run, app, payroll, *forms)
    assert "NOT_ALLOWED" not in good.stdout
    assert "DENY" in good.stdout
    assert (await asyncio.to_thread(run, app, payroll, "status")).returncode == 0
    assert "NOT_ALLOWED" in (await asyncio.to_thread(run, app, payroll, *requests)).stdout
    clerk = site.environ("records.city.example")
    assert (await asyncio.to_thread(run, app, clerk, *requests)).returncode == 0
    assert "NOT_ALLOWED" in (await asyncio.to_thread(run, app, clerk, *forms)).stdout


async def test_a_command_that_cannot_prove_itself_says_so(site: Site, app: App) -> None:
    """A missing file, plaintext, or an authority that did not sign the service's certificate."""
    missing = {"SCREENING_CLIENT_CA": str(site.folder / "none")}
    for environ in (missing, {}, site.environ("spiffe://city.example/payroll", authority=Authority())):
        done = await asyncio.to_thread(run, app, environ, "status")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
