"""Types of variables: each reads a text strictly, and says its rule in words. No message ever quotes the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HOST: Final = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
"""A part of a host's name, between dots."""
_ODD: Final = frozenset("?#[] ")
SIZES: Final = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Type:
    """`read` turns a text into a value, or raises `ValueError`; `rule` says what it takes; `write` is its inverse.

    `beside_secret`: people confuse it with a secret that stands beside it, so a text that it refuses is not shown.
    """

    rule: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    unit: str = ""
    beside_secret: bool = False


def text(rule: str = "a text", pattern: str = "") -> Type:
    """A text that matches a pattern as a whole; any, without a pattern."""
    if not pattern:
        return Type(rule, str)
    match = re.compile(pattern, re.DOTALL).fullmatch

    def read(value: str) -> str:
        if match(value) is None:
            raise ValueError
        return value

    return Type(rule, read)


def choice(*values: str) -> Type:
    """One of a few words."""
    return Type(f"one of {', '.join(values)}", lambda value: _when(value in values, value))


def integer(least: int, most: int, unit: str = "") -> Type:
    """A whole number in decimal digits, none below 0."""

    def read(value: str) -> int:
        if value.isdigit() and value.isascii() and len(value) <= 12 and least <= (number := int(value)) <= most:
            return number
        raise ValueError

    return Type(f"a whole number from {least} to {most}", read, unit=unit)


def number(least: float, most: float) -> Type:
    """A number in decimal digits, with a point where wanted."""

    def read(value: str) -> float:
        whole, point, fraction = value.partition(".")
        amount = float(_when(_digits(whole, 12) and _digits(fraction if point else "0", 9), value))
        return _when(least <= amount <= most, amount)

    return Type(f"a number from {least:g} to {most:g}", read, lambda value: repr(float(value)).removesuffix(".0"))


def seconds(least: int, most: int) -> Type:
    """A length of time in whole seconds, or with units: `90`, `90s`, `5m`, `1h30m`."""

    def read(value: str) -> int:
        if value.isdigit() and value.isascii() and len(value) <= 9:  # as `_digits`, and half the variables are times
            total = int(value)
        elif re.fullmatch(r"([0-9]{1,6}[smhd])+", value):
            total = sum(int(amount) * UNITS[unit] for amount, unit in re.findall(r"([0-9]+)([smhd])", value))
        else:
            total = -1
        if least <= total <= most:
            return total
        raise ValueError

    return Type(f"a time from {least} s to {most} s, in seconds or as 90s, 5m, 1h30m", read, unit="seconds")


def waits(most: int) -> Type:
    """A list of lengths of time in whole seconds, separated by commas."""

    def read(value: str) -> tuple[int, ...]:
        parts = [part.strip() for part in value.split(",")]
        every = all(_digits(part, 6) and int(part) <= most for part in parts)
        return tuple(int(part) for part in _when(every, parts))

    return Type(
        f"seconds up to {most}, separated by commas", read, lambda value: ",".join(map(str, value)), unit="seconds"
    )


def size(least: int, most: int) -> Type:
    """A number of bytes, plain or with a unit: `65536`, `512KB`, `10MB`."""

    def read(value: str) -> int:
        amount = value.rstrip("BKMG")
        unit = value[len(amount) :]
        total = int(_when(_digits(amount, 12) and unit in SIZES, amount)) * SIZES.get(unit, 1)
        return _when(least <= total <= most, total)

    return Type(f"a size from {least} to {most} bytes, in bytes or as 512KB, 10MB", read, unit="bytes")


def time_zone() -> Type:
    """A time zone of the IANA database, by its name."""

    def read(value: str) -> str:
        if value == "UTC":  # most deploys' zone, and worth no look at a file
            return value
        from zoneinfo import ZoneInfo  # Django has it loaded by then

        fits = re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", value) is not None
        try:
            ZoneInfo(_when(fits, value))
        except (LookupError, OSError):
            raise ValueError from None
        return value

    return Type("a time zone such as Europe/Berlin", read)


def items(rule: str = "a list, separated by commas", pattern: str = r"[^,]+") -> Type:
    """A list separated by commas; blanks around an item do not count, and empty items are not taken."""
    compiled = re.compile(pattern)

    def read(value: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in value.split(",")) if value.strip() else ()
        return _when(all(compiled.fullmatch(part) for part in parts), parts)

    return Type(rule, read, ",".join)


def url(*schemes: str, empty: bool = False, secret: bool = False) -> Type:
    """An address with one of these schemes and a host; a slash at its end is dropped. A secret's may have a `$`."""

    def read(value: str) -> str:
        if empty and not value:
            return value
        scheme, host, path = _address(value)
        reachable = bool(host) or (scheme == "unix" and len(path) > 1)
        fits = scheme in schemes and reachable and " " not in value and (secret or "$" not in value)
        return _when(fits, value.rstrip("/"))

    return Type(f"a URL with {' or '.join(schemes)}" + (", or empty" if empty else ""), read)


def origin(*schemes: str) -> Type:
    """An address with one of these schemes, a host, perhaps a port, and no more; a slash at its end is dropped."""
    whole = re.compile(rf"({'|'.join(schemes)})://({_HOST}(\.{_HOST})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?/?")

    def read(value: str) -> str:
        _address(_when(whole.fullmatch(value) is not None, value))
        return value.rstrip("/")

    return Type(f"{' or '.join(schemes)}:// and a host: no path, no login, no ? and no #", read)


def broker_url(*schemes: str) -> Type:
    """An address of a broker, or nothing. `rediss` verifies the certificate unless the address says otherwise.

    redis-py does, but Kombu takes any certificate where the address says nothing of it.
    """
    plain = url(*schemes, empty=True, secret=True)

    def read(value: str) -> str:
        address = str(plain.read(value))
        if not address.startswith("rediss:") or "ssl_cert_reqs=" in address.partition("?")[2]:
            return address
        return f"{address}{'&' if '?' in address else '?'}ssl_cert_reqs=required"

    return Type(plain.rule, read)


def database_url() -> Type:
    """DATABASE_URL: SQLite with a path, or PostgreSQL with a host."""

    def read(value: str) -> str:
        scheme, host, path = _address(value)
        fits = scheme == "sqlite" or (scheme in ("postgres", "postgresql") and bool(host))
        return _when(fits and len(path) > 1 and " " not in value, value)

    return Type("postgres://user:password@host:port/name, or sqlite:///path", read)


def sid(prefix: str, *, empty: bool = False) -> Type:
    """One of Twilio's identifiers: two letters and 32 hexadecimal digits."""

    def read(value: str) -> str:
        rest = value.removeprefix(prefix)
        fits = len(value) == 34 and len(rest) == 32 and not rest.strip("0123456789abcdef")
        return _when(fits or (empty and not value), value)

    rule = f"{prefix} and 32 hexadecimal digits" + (", or empty" if empty else "")
    return Type(rule, read, beside_secret=True)


def _switch(value: str) -> bool:
    word = value.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError


def _digits(value: str, most: int) -> bool:
    """Whether a text is decimal digits, at most so many. Cheaper than a pattern, and most variables are numbers."""
    return value.isdigit() and value.isascii() and len(value) <= most


def _address(value: str) -> tuple[str, str, str]:
    """(scheme, host, path) of an address whose port, if it has one, can be one. Raises ValueError for others.

    Most addresses are plain ones, and taken apart here at a tenth of what `urlsplit` costs.
    """
    scheme, found, rest = value.partition("://")
    place, slash, path = rest.partition("/")
    host, colon, port = place.rpartition("@")[2].partition(":")
    plain = found and scheme.islower() and value.isascii() and value.isprintable() and _ODD.isdisjoint(value)
    named = host.replace("-", "").replace(".", "").isalnum()
    if plain and (named or not place) and (not colon or (_digits(port, 5) and 0 < int(port) < 65536)):
        return scheme, host, slash + path
    parts = urlsplit(value)
    if parts.port == 0:
        raise ValueError
    return parts.scheme, parts.hostname or "", parts.path


def _when(holds: bool, value: T) -> T:
    if not holds:
        raise ValueError
    return value


BOOLEAN: Final = Type(
    "one of true, false, yes, no, on, off, 1, 0",
    _switch,
    lambda value: "true" if value else "false",
)
PHONE: Final = text("a phone number as +15550100000 (E.164), or empty", r"(\+[1-9][0-9]{6,14})?")
