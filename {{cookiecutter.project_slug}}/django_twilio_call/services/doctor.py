"""`manage.py doctor`: looks at this deploy and its account with Twilio, changes nothing, and says what to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db import DatabaseError

from ..account import TwilioAccount, get_account
from ..exceptions import TelephonyError
from . import doctor_account, doctor_addresses, doctor_flows
from .base import BaseService
from .symptoms import NothingToLookAt, Patient, Symptom

FINE: Final = "fine"
WRONG: Final = "wrong"
UNKNOWN: Final = "unknown"

CHECKS: Final[tuple[tuple[str, str, Callable[[Patient], Iterator[Symptom]]], ...]] = (
    ("token", "Twilio takes our credentials, and this deploy Twilio's signatures", doctor_account.token),
    ("number", "the number brings its calls here", doctor_addresses.number),
    ("scheme", "Twilio and this deploy agree on the scheme, through the proxy", doctor_addresses.scheme),
    ("port", "Twilio and this deploy agree on the port", doctor_addresses.port),
    ("region", "region and edge go together, and with the number's", doctor_account.region),
    ("twiml-app", "agents' browsers reach the TwiML App, and it reaches us", doctor_account.twiml_app),
    ("shared", "no other deploy names things at Twilio as this one does", doctor_account.shared),
    ("fallback", "callers hear something when this deploy is away", doctor_addresses.fallback),
    ("geo", "the countries that are called may be called", doctor_account.geo),
    ("concurrency", "the account carries a call for every agent", doctor_account.concurrency),
    ("media-auth", "recordings want a login", doctor_account.media_auth),
    ("flows", "published flows name what is there", doctor_flows.flows),
    ("clock", "our clock and Twilio's agree", doctor_account.clock),
)
"""(id, what is so where nothing is found, how to find out). An id is never used for anything else."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check came to: `state` is fine, wrong, warning or unknown; `fix` is what to do."""

    id: str
    state: str
    text: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class DoctorService(BaseService):
    """Only asks."""

    service_type = "doctor"

    def __init__(self, *, account: TwilioAccount | None = None) -> None:
        super().__init__()
        self.account = account or get_account()

    def examine(self, *, now: datetime) -> list[Diagnosis]:
        """One or more for each check, in their order. `now` is what our clock says."""
        patient = Patient(self.config, self.account, now)
        return [diagnosis for check in CHECKS for diagnosis in self._examine(patient, *check)]

    def _examine(
        self, patient: Patient, id_: str, fine: str, look: Callable[[Patient], Iterator[Symptom]]
    ) -> list[Diagnosis]:
        """What cannot be found out does not keep the other checks from being done."""
        try:
            found = [Diagnosis(id_, each.state, each.text, each.fix) for each in look(patient)]
        except TelephonyError as error:
            return [
                Diagnosis(id_, UNKNOWN, f"Twilio does not tell: {error}", "mend what is wrong first, then look again")
            ]
        except NothingToLookAt as missing:
            return [Diagnosis(id_, UNKNOWN, f"not looked at: {missing}", "look again when it is there")]
        except DatabaseError as error:
            return [
                Diagnosis(id_, UNKNOWN, f"the database does not tell: {error}", "manage.py migrate, or DATABASE_URL")
            ]
        return found or [Diagnosis(id_, FINE, fine)]
