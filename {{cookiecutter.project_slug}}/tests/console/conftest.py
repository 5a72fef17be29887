"""A browser for the pages' tests, and people who look at them."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from django_twilio_call.console import wallboard
from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import Agent, AgentStateSpan, Reservation, Role, give_role
from django_twilio_call.services import RoutingService
from tests.fakes import Twilio
from tests.webhooks.test_walk import enqueue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django import Settings
    from pytest_django.live_server_helper import LiveServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(autouse=True)
def _no_board_at_hand() -> None:
    wallboard.forget()


@pytest.fixture
def at_desk(agent: Agent) -> Client:
    """The agent's browser, signed in."""
    client = Client()
    client.force_login(agent.user)
    return client


def browser_of(role: Role) -> Client:
    """The browser of somebody with that role, signed in."""
    user = get_user_model().objects.create(username=role)
    give_role(user, role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def auditor(db: None) -> Client:
    """Who may read everything, and change next to nothing."""
    return browser_of(Role.AUDITOR)


@pytest.fixture
def offered(twilio: Twilio, agent: Agent) -> Reservation:
    """A caller offered to the agent."""
    enqueue(twilio)
    RoutingService().route(now=timezone.now())
    return Reservation.objects.get()


@pytest.fixture
def german(settings: Settings, tmp_path: Path) -> None:
    """The German catalogue, compiled and found. Django forgets what it has read as the setting changes."""
    call_command("words", into=tmp_path / "locale")
    settings.LOCALE_PATHS = [tmp_path / "locale"]


ROOT = Path(__file__).resolve().parents[2]
ASSETS = (ROOT / "var" / "assets", ROOT.parent / "build" / "assets")
"""Where `make assets` puts what it fetches: in a project, and beside the un-rendered tree."""


@pytest.fixture
def assets(settings: Settings) -> Path:
    """What `make assets` fetched, served with the static files."""
    folder = next((folder for folder in ASSETS if (folder / "vendor").is_dir()), None)
    if folder is None:
        pytest.skip("npm's assets are not here: `make assets` fetches them")
    settings.STATICFILES_DIRS = [folder]
    return folder


def violations(page: Page, assets: Path) -> list[tuple[str, list[str]]]:
    """What axe finds on a page: the rule, and each element that breaks it."""
    page.evaluate((assets / "vendor/axe/axe.min.js").read_text())
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A browser, whose contexts are people of their own. Skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*FLAGS, *flags])
        yield browser
        browser.close()


@pytest.fixture
def browser_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page in a real browser with a new profile."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    # Playwright's loop runs in this thread, and Django would refuse the test's own queries beside it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(tmp_path, executable_path=chromium, args=[*FLAGS])
        context.set_default_timeout(15_000)
        yield context.pages[0]
        context.close()
        # While its loop runs, Django keeps other connections for this thread, which nobody would find again.
        connections.close_all()


@dataclass
class Phones:
    """The simulator's address for phones; remembers who connected with what."""

    url: str
    status: int = 200
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)


@pytest.fixture
def phones(settings: Settings) -> Iterator[Phones]:
    """A simulator that answers the desk's phone."""

    simulator = Phones("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            simulator.asked.append((self.path, parse_qs(form)))
            self.send_response(simulator.status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        simulator.url = f"http://127.0.0.1:{server.server_port}"
        settings.TWILIO_BACKEND, settings.TWILIO_API_BASE_URL = "simulator", simulator.url
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield simulator
        server.shutdown()
        thread.join()


@pytest.fixture
def desk(browser_page: Page, live_server: LiveServer, phones: Phones, agent: Agent) -> Page:
    """The desk of an agent on a break, after signing in by hand."""
    agent.user.set_password("open sesame")
    agent.user.save()
    AgentStateSpan.objects.filter(agent=agent).update(state=AgentStatus.ON_BREAK)
    browser_page.goto(f"{live_server.url}/desk/")
    browser_page.get_by_label("Username").fill(agent.user.username)
    browser_page.get_by_label("Password").fill("open sesame")
    browser_page.get_by_role("button", name="Sign in").click()
    browser_page.get_by_text("No calls come to you now").wait_for()
    return browser_page
