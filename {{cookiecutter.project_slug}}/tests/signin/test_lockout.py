"""Lock-out: how many passwords may be tried, by whom and from where."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django import Settings

from django_twilio_call.exceptions import LockedOut
from django_twilio_call.models import AuditEntry, LoginAttempts
from django_twilio_call.services import LoginService
from django_twilio_call.visitors import address_of

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _ada(db: None) -> None:
    get_user_model().objects.create_user("ada", password="right")


def sign_in(password: str, username: str = "ada", address: str = "203.0.113.7") -> str:
    """What the page says, or where it leads."""
    form = {"username": username, "password": password}
    answer = Client(REMOTE_ADDR=address).post(LOGIN, form)
    return answer.headers.get("Location") or answer.content.decode()


def attempt(now: datetime, username: str = "ada", address: str = "203.0.113.7") -> bool:
    try:
        LoginService().attempt(username=username, address=address, now=now)
    except LockedOut:
        return False
    return True


def test_after_five_wrong_passwords_the_right_one_does_not_help() -> None:
    for _ in range(5):
        assert "Please enter a correct username" in sign_in("wrong")

    assert "Too many attempts. Try again in 15 minutes." in sign_in("right")
    assert AuditEntry.objects.get().target == "account ada"


def test_an_account_that_does_not_exist_is_locked_like_one_that_does() -> None:
    said = [sign_in("wrong", username="nobody") for _ in range(6)]

    assert "Too many attempts" in said[-1]
    assert "Too many attempts" not in said[-2]


def test_the_same_person_comes_in_from_elsewhere() -> None:
    for _ in range(6):
        sign_in("wrong")

    assert sign_in("right", address="203.0.113.8") == "/"


def test_the_case_of_a_name_makes_no_other_account() -> None:
    for name in ("ada", "Ada", "aDa", "adA", "ADA"):
        sign_in("wrong", username=name)

    assert "Too many attempts" in sign_in("right")


def test_the_right_password_makes_earlier_slips_forgotten() -> None:
    for _ in range(3):
        for _ in range(4):
            sign_in("wrong")
        assert sign_in("right") == "/"


def test_an_account_tried_from_many_addresses_is_locked(now: datetime) -> None:
    tried = [attempt(now, address=f"203.0.113.{number}") for number in range(51)]

    assert tried == [*[True] * 50, False]


def test_an_address_that_tries_many_accounts_is_locked(now: datetime) -> None:
    tried = [attempt(now, username=f"agent{number}") for number in range(101)]

    assert tried == [*[True] * 100, False]


def test_a_lock_ends(now: datetime) -> None:
    for _ in range(6):
        attempt(now)

    assert not attempt(now + timedelta(seconds=899))
    assert attempt(now + timedelta(seconds=900))


def test_what_is_over_is_forgotten(now: datetime) -> None:
    attempt(now)

    assert LoginService().forget(now=now + timedelta(seconds=899)) == 0
    assert LoginService().forget(now=now + timedelta(seconds=900)) == 3


def test_names_and_addresses_are_kept_as_digests_alone(now: datetime) -> None:
    attempt(now, username="my password by mistake")

    assert all(len(key) == 64 for key in LoginAttempts.objects.values_list("key", flat=True))


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_no_more_than_one_after_another(now: datetime) -> None:
    tried = []

    def guess() -> None:
        tried.append(attempt(now))
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tried.count(True) == 5


@pytest.mark.parametrize(
    ("proxies", "forwarded", "read"),
    [
        (0, "198.51.100.1", "10.0.0.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1"),
        (1, "nonsense", ""),
        (1, None, "10.0.0.1"),
        (1, "2001:db8::7", "2001:db8::7"),
    ],
)
def test_an_address_is_what_our_own_proxies_say(
    settings: Settings, proxies: int, forwarded: str | None, read: str
) -> None:
    settings.DJANGO_TWILIO_TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR="10.0.0.1")) == read
