"""What Twilio decides about an account: its type, its region, whom it may call. Asked of several of Twilio's APIs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from . import shapes
from .account import Account
from .calls import rfc2822
from .http import Reply, Request

STARTED: Final = time.time()
COUNTRIES: Final = {"1": "US", "33": "FR", "41": "CH", "43": "AT", "44": "GB", "49": "DE", "61": "AU", "353": "IE"}
"""Calling code -> one country that has it."""


class Standing:
    """Shows `account.standing`."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.routes: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
            ("GET", f"/{shapes.VERSION}/Accounts/(AC[0-9a-f]+)", self._account),
            ("GET", r"/v2/PhoneNumbers/(\S+)", self._route_of),
            ("GET", "/v1/DialingPermissions/Countries", self._countries),
            ("GET", "/v1/CustomerProfiles", self._profiles),
        )

    def _account(self, _: Request, sid: str) -> Reply:
        if sid != self.account.sid:
            return missing(f"Account {sid}")
        standing, now = self.account.standing, rfc2822(time.time() + self.account.standing.clock_offset)
        shown = {
            "sid": sid,
            "owner_account_sid": sid,
            "auth_token": self.account.token,
            "friendly_name": "Simulated",
            "status": "active",
            "type": standing.type,
            "subresource_uris": {},
            "date_created": rfc2822(STARTED),
            "date_updated": rfc2822(STARTED),
            "uri": f"/{shapes.VERSION}/Accounts/{sid}.json",
        }
        return Reply(200, shown, {"Date": now.replace("+0000", "GMT")})

    def _route_of(self, _: Request, number: str) -> Reply:
        if number != self.account.number:
            return missing(f"PhoneNumber {number}")
        shown = {"phone_number": number, "account_sid": self.account.sid, "sid": "QQ" + "0" * 32}
        return Reply(200, {**shown, "voice_region": self.account.standing.voice_region, "friendly_name": number})

    def _countries(self, request: Request) -> Reply:
        allowed = self.account.standing.calling_codes
        rows = [
            {"iso_code": iso, "name": iso, "country_codes": [f"+{code}"], "low_risk_numbers_enabled": code in allowed}
            for code, iso in COUNTRIES.items()
        ]
        only = request.fields.get("LowRiskNumbersEnabled", "").lower() == "true"
        return _meta("content", [row for row in rows if row["low_risk_numbers_enabled"] or not only])

    def _profiles(self, _: Request) -> Reply:
        rows = [{"sid": f"BU{at:032x}", "status": "twilio-approved"} for at in range(self.account.standing.profiles)]
        return _meta("results", rows)


def _meta(key: str, rows: list[Any]) -> Reply:
    """A list as Twilio's newer APIs have it, all of it on one page."""
    return Reply(200, {key: rows, "meta": {"key": key, "page": 0, "page_size": 1000, "next_page_url": None}})


def missing(what: str) -> Reply:
    """The answer for something that is not there."""
    return refused(404, 20404, f"The requested resource {what} was not found")


def refused(status: int, code: int, message: str) -> Reply:
    """Twilio's words when it refuses."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Reply(status, {"code": code, "message": message, "more_info": more, "status": status})
