"""Whose account is played, and how its webhooks are signed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from twilio_simulator.account import Account, RefusedError, signed_url

from .stage import SID, TOKEN

VECTOR = "https://example.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}

text = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@pytest.mark.parametrize("sid", ["AC5ef8732a3c49700934481addd5ce1659", "AC0000000", "SK" + "0" * 32, ""])
def test_a_real_looking_account_is_refused(sid: str) -> None:
    with pytest.raises(RefusedError, match=f"'{sid}' may be a real one"):
        Account(sid, TOKEN)


def test_an_account_wants_a_token() -> None:
    with pytest.raises(RefusedError, match="TWILIO_AUTH_TOKEN"):
        Account(SID, "")


def test_a_real_looking_token_is_refused_and_not_shown() -> None:
    real = "5ef8732a3c49700934481addd5ce1659"
    with pytest.raises(RefusedError, match="looks like one of Twilio's") as refused:
        Account(SID, real)

    assert real not in str(refused.value)


def test_the_token_is_never_shown() -> None:
    assert TOKEN not in repr(Account(SID, TOKEN))


def test_the_signature_twilio_publishes_is_ours() -> None:
    assert Account(SID, "12345").signature(VECTOR, FORM) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


def test_a_get_is_signed_by_its_url_alone() -> None:
    signature = Account(SID, "12345").signature(f"{VECTOR}&CallSid=CA1", {})

    assert RequestValidator("12345").validate(f"{VECTOR}&CallSid=CA1", {}, signature)
    assert not RequestValidator("12345").validate(f"{VECTOR}&CallSid=CA1", {"CallSid": "CA1"}, signature)


@settings(database=None, deadline=None)
@given(form=st.dictionaries(names, text), path=names, port=st.sampled_from(["", ":443", ":8443"]))
def test_twilios_own_library_agrees(form: dict[str, str], path: str, port: str) -> None:
    for url in (f"https://example.com{port}/{path}?q=1", f"http://example.com:8000/{path}"):
        assert RequestValidator(TOKEN).validate(url, form, Account(SID, TOKEN).signature(url, form)), url


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://example.com:8443/v?a=1", "https://example.com/v?a=1"),
        ("http://example.com:8000/v", "http://example.com:8000/v"),
        ("https://user:word@example.com/v", "https://example.com/v"),
        ("https://example.com/v#rc=2&rp=all", "https://example.com/v"),
        ("https://[::1]:8443/v", "https://[::1]/v"),
    ],
)
def test_twilio_signs_no_https_port_login_or_fragment(url: str, signed: str) -> None:
    assert signed_url(url) == signed


def test_two_runs_never_share_an_identifier() -> None:
    sids = {Account(SID, TOKEN).new_sid("CA") for _ in range(2)}

    assert len(sids) == 2
    assert all(re.fullmatch("CA[0-9a-f]{32}", sid) for sid in sids)
