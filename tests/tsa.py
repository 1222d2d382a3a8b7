"""A time stamping authority (RFC 3161) on this machine: openssl's, behind HTTP."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self

_CONFIG = """
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {home}/serial
crypto_device = builtin
signer_cert = {home}/tsa.pem
signer_key = {home}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = sha256
"""
_EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


class Tsa:
    """An authority with a root of its own. `mode` says what it does: `grant`, `refuse`, `fail` or `babble`."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self._home = home
        self.roots = home / "root.pem"
        self.mode = "grant"
        self.asked = 0
        (home / "serial").write_text("01\n")
        (home / "extensions").write_text(_EXTENSIONS)
        for mode, digests in (("grant", "sha256, sha384, sha512"), ("refuse", "sha1")):
            (home / f"{mode}.cnf").write_text(_CONFIG.format(home=home, digests=digests))
        self._make_certificates()
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def _make_certificates(self) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self._openssl(
            "req", "-x509", *key, "-days", "30", "-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem"
        )
        self._openssl("req", *key, "-subj", "/CN=Authority", "-keyout", "tsa.key", "-out", "tsa.csr")
        authority = (
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "extensions",
        )
        self._openssl("x509", "-req", "-in", "tsa.csr", *authority, "-out", "tsa.pem")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._home, check=True, capture_output=True)

    def _answer(self, query: bytes) -> bytes:
        if self.mode == "babble":
            return b"no time stamp"
        (self._home / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-config", f"{self.mode}.cnf", "-queryfile", "query", "-out", "answer")
        return (self._home / "answer").read_bytes()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                authority.asked += 1
                query = self.rfile.read(int(self.headers["Content-Length"]))
                if authority.mode == "fail":
                    self.send_error(503)
                    return
                answer = authority._answer(query)  # it is the authority's own handler
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        """Answer from now on."""
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
