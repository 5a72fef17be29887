"""Lock-out: how many passwords may be tried, for one account, from one address, and by both together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.utils.crypto import salted_hmac

from ..exceptions import LockedOut
from ..models import LoginAttempts
from . import audit
from .base import BaseService

ACCOUNT: Final = 10
"""How many times as many attempts an account has from all addresses: somebody elsewhere cannot lock a person out
as easily as they lock themselves out."""
ADDRESS: Final = 20
"""How many times as many an address has for all accounts: a whole office has one address."""


class LoginService(BaseService):
    """An attempt counts before its password is looked at, so any number at once cannot try more than one after another.

    The counters are rows: they hold for all processes, and with the cache away.
    """

    service_type = "login"

    def attempt(self, *, username: str, address: str, now: datetime) -> None:
        """Count one. Raises `LockedOut`, with the seconds until the next may be made, where there were too many."""
        window = timedelta(seconds=self.config.login_lock)
        waits: list[float] = []
        for key, times in self._keys(username, address).items():
            most = self.config.login_attempts * times
            counter = LoginAttempts.objects.count_one(key=key, window=window, now=now)
            if counter.number > most:
                waits.append((counter.since + window - now).total_seconds())
            if counter.number == most + 1:
                audit.record(actor=None, action="login.locked", target=f"account {username}", address=address, now=now)
        if waits:
            raise LockedOut(seconds=max(waits))

    def succeeded(self, *, username: str, address: str) -> None:
        """It was the right one: what the same person mistyped before is forgotten."""
        LoginAttempts.objects.filter(key__in=list(self._keys(username, address))[:2]).delete()

    def forget(self, *, now: datetime) -> int:
        """Drop counters whose window is over."""
        over = now - timedelta(seconds=self.config.login_lock)
        return LoginAttempts.objects.filter(since__lte=over).delete()[0]

    def _keys(self, username: str, address: str) -> dict[str, int]:
        """Digest -> how many times the attempts of the first it has."""
        name = username.casefold()
        parts = {f"both:{address}:{name}": 1, f"account:{name}": ACCOUNT, f"address:{address}": ADDRESS}
        return {salted_hmac("login", key, algorithm="sha256").hexdigest(): times for key, times in parts.items()}
