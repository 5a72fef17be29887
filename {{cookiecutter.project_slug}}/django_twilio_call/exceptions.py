"""What can go wrong, in our words.

CallCenterError
├── ConfigurationError          this deploy cannot run as it is configured; carries every problem
├── RangeNotSatisfiable         a part of a recording that it does not have
├── NotFound                    an id nobody knows
├── AuthorizationError          somebody has no business here
├── LockedOut                   too many attempts to sign in; carries how long to wait
├── ServiceError                a service refused
│   ├── ValidationError         what it was asked cannot be right
│   └── BusinessLogicError      right, but not now
│       └── InvalidTransition   not from this state
├── CacheError                  the cache cannot take this
│   ├── CacheKeyError           a value that has no stable text cannot be part of a key
│   └── CacheValueError         a value that is not plain data cannot be kept, or cannot be read back
└── TelephonyError              Twilio refused, or did not answer
    ├── NotSent                 it cannot have arrived: whatever it was, it may be sent again
    └── CallNotInProgress       the call has ended: a normal race
"""

from __future__ import annotations

from collections.abc import Iterable


class CallCenterError(Exception):
    """Root of all that the call center raises on purpose."""


class ConfigurationError(CallCenterError):
    """This deploy cannot run as it is configured. `problems` has a line for each thing to mend."""

    def __init__(self, problems: Iterable[object]) -> None:
        self.problems = tuple(str(problem) for problem in problems)
        super().__init__("\n".join((f"{len(self.problems)} problem(s) in the configuration:", *self.problems)))


class RangeNotSatisfiable(CallCenterError):
    """A part of a recording was asked for that it does not have."""


class NotFound(CallCenterError):
    """Nobody knows the thing that was named."""


class AuthorizationError(CallCenterError):
    """Somebody proved who they are, and has no business here."""


class LockedOut(CallCenterError):
    """Too many attempts to sign in. `seconds`, and `minutes` rounded up: until the next may be made."""

    def __init__(self, *, seconds: float) -> None:
        minutes = max(1, -(-int(seconds) // 60))
        super().__init__(f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
        self.seconds, self.minutes = seconds, minutes


class ServiceError(CallCenterError):
    """A service refused an operation."""


class ValidationError(ServiceError):
    """What was asked cannot be right, whenever it is asked."""


class BusinessLogicError(ServiceError):
    """What was asked makes sense, but not in the present state of things."""


class InvalidTransition(BusinessLogicError):
    """A state cannot be left for that other one now."""


class CacheError(CallCenterError):
    """The cache cannot take what it was given."""


class CacheKeyError(CacheError, TypeError):
    """A value cannot be part of a cache key: nothing of it is the same in every process."""


class CacheValueError(CacheError, ValueError):
    """A value cannot be kept, or what lies in the store cannot be read as one."""


class TelephonyError(CallCenterError):
    """Twilio refused a command or did not answer.

    `code` is Twilio's error code, `status` the HTTP status (both None when there was no answer, `timed_out` where it
    was waited for), `retryable` whether the command may be sent again, `retry_after` after how many seconds Twilio
    wants it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        timed_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.timed_out = timed_out


class NotSent(TelephonyError):
    """A request that cannot have arrived: no connection came about, or none was tried."""


class CallNotInProgress(TelephonyError):
    """The call has ended meanwhile (Twilio's 21220)."""
