"""Client of the City screening service.

from screening_client import NotPermitted, ScreeningClient, information_request

with ScreeningClient("127.0.0.1:50051") as client:
    try:
        permit = client.permit_information_request(information_request(form))
    except NotPermitted as refusal:
        ...  # nothing may be done
"""

from screening_client.blocking import ScreeningClient
from screening_client.client import AsyncScreeningClient
from screening_client.errors import NotDecided
from screening_client.forms import FormError, employment_request, information_request
from screening_client.guard import NotPermitted, Permit, guard

__all__ = [
    "AsyncScreeningClient",
    "FormError",
    "NotDecided",
    "NotPermitted",
    "Permit",
    "ScreeningClient",
    "employment_request",
    "guard",
    "information_request",
]
