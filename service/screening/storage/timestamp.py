"""RFC 3161 time stamps on anchored checkpoints: an authority's word that a checkpoint existed at a time."""

from pathlib import Path
from urllib.request import Request, urlopen

from cryptography import x509
from rfc3161_client import TimestampRequestBuilder, VerificationError, VerifierBuilder, decode_timestamp_response
from rfc3161_client.tsp import PKIStatus

from screening.errors import SettingError
from screening.storage import durable_file

SUFFIX = ".tsr"
_SECONDS = 10
_GRANTED = (PKIStatus.GRANTED.value, PKIStatus.GRANTED_WITH_MODS.value)


class Authority:
    """A time stamping authority that answers over HTTP."""

    def __init__(self, url: str) -> None:
        """Take the authority's URL. Raises SettingError if it is not one of HTTP."""
        if not url.startswith(("http://", "https://")):
            raise SettingError("SCREENING_TSA_URL must begin with http:// or https://")
        self._url = url

    def stamp(self, note: Path) -> None:
        """Have a file with a checkpoint stamped and keep the answer beside it. Raises OSError."""
        asked = TimestampRequestBuilder().data(note.read_bytes()).build()
        request = Request(  # noqa: S310  # the scheme was checked
            self._url, data=asked.as_bytes(), headers={"Content-Type": "application/timestamp-query"}
        )
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # as above
            data = answer.read()
        try:
            granted = decode_timestamp_response(data).status in _GRANTED
        except ValueError:
            granted = False
        if not granted:
            raise OSError("the time stamping authority did not grant the stamp")
        durable_file.write(note.with_name(note.name + SUFFIX), data)


def stamped(note: bytes, answer: bytes, roots: bytes) -> str:
    """Return the time of a stamp on a note, in ISO form. Raises ValueError if it is not by an authority under `roots`.

    `roots` are certificates in PEM; intermediate ones may stand among them.
    """
    certificates = x509.load_pem_x509_certificates(roots)
    builder = VerifierBuilder()
    for certificate in certificates:
        selfsigned = certificate.issuer == certificate.subject
        builder = (
            builder.add_root_certificate(certificate)
            if selfsigned
            else builder.add_intermediate_certificate(certificate)
        )
    response = decode_timestamp_response(answer)
    try:
        builder.build().verify_message(response, note)
    except VerificationError as error:
        raise ValueError(f"the time stamp does not hold: {error}") from None
    return response.tst_info.gen_time.isoformat()
