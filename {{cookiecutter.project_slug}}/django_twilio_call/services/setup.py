"""`manage.py twilio setup`: have the account with Twilio point at this deploy, and say first what that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ..account import App, Number, TwilioAccount, get_account
from ..exceptions import ValidationError
from .addresses import app_url, number_settings
from .base import BaseService

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that is not as it has to be. `kind` is number, app, key or variable. Nothing of it is secret."""

    kind: str
    of: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind} {self.of}: {self.name} {self.before!r} -> {self.after!r}"


@dataclass(slots=True)
class Plan:
    """What setup changes. After it was done, `values` has the variables that this deploy now needs; some are secret."""

    number: Number
    app: App | None = None
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict, repr=False)


class SetupService(BaseService):
    """Run again, it finds nothing to do."""

    service_type = "setup"

    def __init__(self, *, account: TwilioAccount | None = None) -> None:
        super().__init__()
        self.account = account or get_account()
        self.name = urlsplit(self.config.public_base_url).hostname or ""
        """What the TwiML App and the key are called, so that they are found again."""

    def plan(self, *, new_key: bool = False) -> Plan:
        """Find out, and change nothing. Raises `ValidationError` where it cannot work, `TelephonyError`."""
        plan = Plan(self._number(), self._app())
        plan.changes += self._number_changes(plan.number)
        plan.changes += self._app_changes(plan.app)
        plan.changes += self._key_changes(plan, new_key)
        if not self.config.fallback_url:
            plan.notes.append(
                "DJANGO_TWILIO_FALLBACK_URL is empty, so the fallback is this deploy's own and goes away with it:"
                " have its TwiML written by --fallback FILE, put that elsewhere and name the place"
            )
        return plan

    def apply(self, *, new_key: bool = False) -> Plan:
        """Do it; what was done before an error stays, and the next run does the rest."""
        plan = self.plan(new_key=new_key)
        kinds = {change.kind for change in plan.changes}
        if "number" in kinds:
            settings = {change.name: change.after for change in plan.changes if change.kind == "number"}
            self.account.set_number(plan.number.sid, **settings)
        if plan.app is None:
            plan.values["TWILIO_TWIML_APP_SID"] = self.account.make_app(self.name, app_url())
        elif "app" in kinds:
            self.account.set_app(plan.app.sid, app_url())
        if plan.app and "variable" in kinds:
            plan.values["TWILIO_TWIML_APP_SID"] = plan.app.sid
        if "key" in kinds:
            plan.values["TWILIO_API_KEY"], plan.values["TWILIO_API_SECRET"] = self.account.make_key(self.name)
        return plan

    def _number(self) -> Number:
        config = self.config
        if not config.twilio_phone_number:
            raise ValidationError("TWILIO_PHONE_NUMBER is empty: it must be the number callers dial, as +15550100000")
        if config.twilio_backend == "twilio" and (
            not config.public_base_url.startswith("https://") or self.name in LOOPBACK
        ):
            raise ValidationError(
                f"PUBLIC_BASE_URL is {config.public_base_url!r}: Twilio has to reach it, by https and not on a loopback"
            )
        number = self.account.number(config.twilio_phone_number)
        if number is None:
            raise ValidationError(
                f"TWILIO_PHONE_NUMBER is {config.twilio_phone_number!r}: it must be a number of the account"
                f" {config.twilio_account_sid}"
            )
        return number

    def _number_changes(self, number: Number) -> Iterator[Change]:
        for name, wanted in number_settings().items():
            if number.settings[name] != wanted:
                yield Change("number", number.number, name, number.settings[name], wanted)

    def _app(self) -> App | None:
        """The configured one or, where none is configured or there is no such, the one with this deploy's name."""
        apps = {app.sid: app for app in self.account.apps()}
        named = (app for app in apps.values() if app.name == self.name)
        return apps.get(self.config.twilio_twiml_app_sid) or next(named, None)

    def _app_changes(self, app: App | None) -> Iterator[Change]:
        known, url = self.config.twilio_twiml_app_sid, app_url()
        if app is None:
            yield Change("app", self.name, "voice_url", "", url)
        elif (app.voice_url, app.voice_method) != (url, "POST"):
            yield Change("app", app.sid, "voice_url", f"{app.voice_method} {app.voice_url}".strip(), f"POST {url}")
        if app is None or app.sid != known:
            yield Change("variable", "TWILIO_TWIML_APP_SID", "is", known, app.sid if app else "the new app's SID")

    def _key_changes(self, plan: Plan, new_key: bool) -> Iterator[Change]:
        """A key whose secret nobody kept is of no use. The simulator forgets keys when it ends, so it gets none."""
        if self.config.twilio_backend == "simulator" or (self.config.twilio_api_key and not new_key):
            return
        ours = [sid for sid, name in self.account.keys().items() if name == self.name]
        if ours and not new_key:
            plan.notes.append(
                f"TWILIO_API_KEY is empty, though the account has {', '.join(ours)} for {self.name}: set it and its"
                " TWILIO_API_SECRET, or have another one made by --new-key and delete what is there"
            )
            return
        yield Change("key", self.name, "made", "", "TWILIO_API_KEY and TWILIO_API_SECRET")
