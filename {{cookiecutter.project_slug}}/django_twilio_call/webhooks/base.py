"""What all webhooks share: signature, claim, one transaction, and an answer whatever breaks."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from urllib.parse import urlencode

from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from ..conf import Config, get_config
from ..exceptions import CallCenterError, ValidationError
from ..models import WebhookEvent
from ..models.written import insert
from . import twiml
from .signature import is_signed, signed_url

logger = logging.getLogger(__name__)

counts: Final[Counter[tuple[str, str]]] = Counter()
"""(kind, outcome) -> how often; outcomes: answered, duplicate, refused, fallback. For the metrics door."""

MAX_REDIALS: Final = 5
_ALWAYS: Final = {
    *("AccountSid", "ApiVersion", "CallSid", "CallStatus", "CallToken", "Direction", "ForwardedFrom", "ParentCallSid"),
    *("CallerName", "StirStatus", "StirVerstat", "StirPassportToken"),
    *(f"{who}{what}" for who in ("From", "To", "Caller", "Called") for what in ("", "City", "State", "Zip", "Country")),
}
"""What Twilio tells of the call with every request, so with the next one as well."""
_LONGEST: Final = 300
"""Characters of a field: no webhook reads more (`Delivery.text`), and an address must not grow without end."""
_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request of Twilio's: its fields and those of our URL, read strictly."""

    fields: dict[str, str]
    now: datetime

    @property
    def call_sid(self) -> str:
        """The CallSid. Raises `ValidationError` when it is not one."""
        sid = self.text("CallSid")
        if not _CALL_SID.fullmatch(sid):
            raise ValidationError(f"CallSid {sid!r} must be CA and 32 hexadecimal digits")
        return sid

    def text(self, name: str, default: str | None = None, *, most: int = 100) -> str:
        """A field, at most so many characters of it. Raises `ValidationError` when it is missing without a default."""
        value = self.fields.get(name, default)
        if value is None:
            raise ValidationError(f"{name} is missing")
        return value[:most]

    def number(self, name: str, default: int | None = None) -> int:
        """A whole number, 0 or more. Raises `ValidationError` when it is something else."""
        value = self.fields.get(name)
        if value is None and default is not None:
            return default
        if value is None or not re.fullmatch(r"[0-9]{1,9}", value):
            raise ValidationError(f"{name} is {value!r}; it must be a whole number")
        return int(value)


@method_decorator(csrf_exempt, name="dispatch")
class TwilioWebhook(View):
    """A webhook says in `key` what makes a delivery the same again, and in `respond` what follows from it.

    Signature, claim and fallback cannot be skipped by a subclass that only writes these two.
    """

    kind: ClassVar[str]

    def key(self, delivery: Delivery) -> str | None:
        """What makes a delivery the same again. None: `respond` changes nothing, so asking twice is harmless."""
        raise NotImplementedError

    def respond(self, delivery: Delivery, config: Config) -> str:
        """The TwiML, or "" where there is nothing to say. Runs inside the transaction of the claim."""
        raise NotImplementedError

    def foresee(self, delivery: Delivery, config: Config) -> str:
        """The answer, where the request alone decides it: stored with the claim, it saves a statement."""
        return ""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Answer one delivery."""
        if request.method not in ("GET", "POST"):
            return self.http_method_not_allowed(request)
        if not is_signed(request):
            counts[self.kind, "refused"] += 1
            return HttpResponseForbidden("signature refused\n", content_type="text/plain")
        delivery = Delivery(_fields(request), timezone.now())
        try:
            answer = self._once(delivery)
        except (DatabaseError, InterfaceError, CallCenterError) as error:
            logger.error("webhook %s fell back: %s: %s", self.kind, type(error).__name__, error)
            return self._fall_back(request, delivery, error)
        except Exception as error:  # the edge: whatever broke, the caller must hear something
            logger.exception("webhook %s fell back", self.kind)
            return self._fall_back(request, delivery, error)
        counts[self.kind, "answered"] += 1
        logger.debug("webhook %s is answered: %s", self.kind, answer)
        return _xml(answer)

    def _once(self, delivery: Delivery) -> str:
        """Claim, effect, outbox and stored answer in one transaction; a duplicate gets the answer that was stored."""
        key, config = self.key(delivery), get_config()
        if key is None:
            return self.respond(delivery, config)
        try:
            with transaction.atomic():
                foreseen = self.foresee(delivery, config)
                self._claim(key, delivery, foreseen)
                answer = self.respond(delivery, config)
                if answer != foreseen:
                    WebhookEvent.objects.filter(key=key).update(response=answer)
                return answer
        except IntegrityError:
            stored = WebhookEvent.objects.filter(key=key).values_list("response", flat=True).first()
            if stored is None:  # not the claim, but another rule of the tables was broken
                raise
            counts[self.kind, "duplicate"] += 1
            return stored

    def _claim(self, key: str, delivery: Delivery, answer: str) -> None:
        """Insert the event first: a second delivery at the same time waits here, and then learns that it is one."""
        event = WebhookEvent(
            key=key,
            kind=self.kind,
            call_sid=delivery.text("CallSid", "")[:34],
            payload=delivery.fields,
            response=answer,
            received_at=delivery.now,
        )
        insert(event)

    def _fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        counts[self.kind, "fallback"] += 1
        return self.fall_back(request, delivery, error)

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """TwiML without help from anything: keep the caller on the line and ask again, or apologise in the end.

        What Twilio tells once (a key, a result, what a phone joins for) it would not tell again, so it goes along:
        all of it, for whatever a webhook may read.
        """
        again = int(again) if (again := delivery.fields.get("again", "")).isdecimal() else 0
        config = get_config()
        if isinstance(error, CallCenterError) or again >= MAX_REDIALS:
            return _xml(twiml.trouble(config))
        kept = {name: value[:_LONGEST] for name, value in delivery.fields.items() if name not in _ALWAYS}
        query = {**request.GET.dict(), **kept, "again": str(again + 1)}
        return _xml(twiml.try_again(config, f"{signed_url(request).partition('?')[0]}?{urlencode(query)}"))


class StatusCallback(TwilioWebhook):
    """A webhook nobody listens to: with the database gone it answers 503, and Twilio asks again."""

    def fall_back(self, request: HttpRequest, delivery: Delivery, error: Exception) -> HttpResponse:
        """503 asks Twilio to retry; what can never be read is refused with 400, or it would be retried in vain."""
        status = 400 if isinstance(error, CallCenterError) else 503
        return HttpResponse(status=status, content_type="text/plain")


def _fields(request: HttpRequest) -> dict[str, str]:
    """Query and form as one; PostgreSQL stores no NUL, and an event must not be refused for one."""
    both = {**request.GET.dict(), **request.POST.dict()}
    return {name: str(value).replace("\0", "") for name, value in both.items()}


def _xml(answer: str) -> HttpResponse:
    return HttpResponse(answer or '<?xml version="1.0" encoding="UTF-8"?><Response />', content_type="text/xml")
