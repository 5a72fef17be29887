"""What all pages share: who may go where, the way in and out, and pages that say no."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("staff", "linked"), [(True, True), (False, False)])
def test_the_admin_is_linked_for_staff_alone(client: Client, staff: bool, linked: bool) -> None:
    client.force_login(get_user_model().objects.create(username="ada", is_staff=staff))

    assert ('href="/admin/"' in client.get("/").content.decode()) is linked


def test_the_page_one_is_on_is_marked(admin_client: Client) -> None:
    assert '<a href="/" aria-current="page">Wallboard</a>' in admin_client.get("/").content.decode()


def test_signing_out_is_a_post_and_leads_to_the_login(admin_client: Client) -> None:
    assert admin_client.get("/accounts/logout/").status_code == 405
    assert admin_client.post("/accounts/logout/").headers["Location"] == "/accounts/login/"


def test_the_login_leads_to_where_one_wanted_to_go(client: Client) -> None:
    get_user_model().objects.create_user("ada", password="right")
    form = {"username": "ada", "password": "right", "next": "/desk/"}

    assert 'name="next" value="/desk/"' in client.get("/accounts/login/?next=/desk/").content.decode()
    assert client.post("/accounts/login/", form).headers["Location"] == "/desk/"


def test_the_login_says_what_went_wrong(client: Client) -> None:
    answer = client.post("/accounts/login/", {"username": "ada", "password": "wrong"})

    assert "Please enter a correct username and password" in answer.content.decode()


def test_an_unknown_address_gets_a_page_of_ours(client: Client) -> None:
    answer = client.get("/nothing/here/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_the_page_for_our_own_faults_needs_neither_request_nor_database() -> None:
    assert "Something went wrong here" in render_to_string("500.html")


@pytest.mark.django_db
def test_a_host_that_is_not_ours_gets_a_page_and_no_trouble() -> None:
    answer = Client().get("/", headers={"Host": "elsewhere.example"})

    assert answer.status_code == 400
    assert "This cannot be read" in answer.content.decode()
