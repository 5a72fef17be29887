"""Twilio's own client, at the simulator."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient


class Rehosted(TwilioHttpClient):  # type: ignore[misc]  # the base class is untyped
    """Twilio's HTTP client, talking to another address: what the app has in `telephony.py`."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """Ask there."""
        return super().request(method, url.replace("https://api.twilio.com", self.base), *args, **options)


def refusal(act: Any, *args: Any, **options: Any) -> tuple[int, int]:
    """HTTP status and Twilio's code of what is refused."""
    with pytest.raises(TwilioRestException) as error:
        act(*args, **options)
    return error.value.status, error.value.code
