"""`manage.py demo`: a call center to try out, with queues, agents and logins, for the simulator to call."""

from __future__ import annotations

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ...conf import get_config
from ...constants import AgentStatus
from ...models import Agent, Queue, QueueMembership, Role, give_role
from ...services import AgentService

QUEUES = (("support", "Support", "1"), ("sales", "Sales", "2"))
SUPERVISOR = "supervisor"


class Command(BaseCommand):
    """Refuses a deploy that speaks to Twilio itself: it makes logins, and nobody wants demo agents in production."""

    help = "Make queues, agents and logins for the simulator to use. Run again, it changes nothing it made before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--agents", type=int, default=6, help="How many agents (default 6).")
        parser.add_argument(
            "--wrap-up", type=int, default=2, help="Seconds of wrap-up in the demo's queues (default 2)."
        )
        parser.add_argument("--max-wait", type=int, help="Seconds a caller may wait before they are sent on.")
        parser.add_argument("--available", action="store_true", help="Put the agents on duty.")
        parser.add_argument("--json", dest="file", type=Path, help='Write their logins to this file ("-": to stdout).')

    def handle(self, **options: Any) -> None:
        """Make what is missing."""
        if not get_config().twilio_api_base_url:
            raise CommandError("the demo is for a simulator: TWILIO_API_BASE_URL is empty, so this deploy calls Twilio")
        rules = {"wrap_up_time": options["wrap_up"]} | ({"max_wait": w} if (w := options["max_wait"]) else {})
        queues = [
            Queue.objects.update_or_create(
                key=key, defaults=rules, create_defaults=rules | {"name": name, "digit": digit}
            )[0]
            for key, name, digit in QUEUES
        ]
        agents = [self._agent(number, queues) for number in range(1, options["agents"] + 1)]
        if options["available"]:
            for agent in agents:
                AgentService().set_state(agent_id=agent.pk, state=AgentStatus.AVAILABLE, now=timezone.now())
        staff, password = self._supervisor()
        if options["file"]:
            self._write(options["file"], staff, agents)
        if password:
            self.stderr.write(f"login: {SUPERVISOR}  password: {password}")

    def _agent(self, number: int, queues: list[Queue]) -> Agent:
        user, created = get_user_model().objects.get_or_create(username=f"agent{number}")
        if created:
            user.set_unusable_password()
            user.save()
        agent, _ = Agent.objects.get_or_create(user=user, defaults={"name": f"Agent {number}"})
        for queue in queues:
            QueueMembership.objects.get_or_create(queue=queue, agent=agent)
        return agent

    def _supervisor(self) -> tuple[AbstractBaseUser, str]:
        """The one who looks at the wallboard, is an agent too, and gets a new password each time, shown once."""
        may_all = get_config().second_factor == "optional"  # elsewhere nobody is to be asked for one by a demo
        user, _ = get_user_model().objects.get_or_create(
            username=SUPERVISOR, defaults={"is_staff": may_all, "is_superuser": may_all}
        )
        give_role(user, Role.SUPERVISOR)
        password = secrets.token_urlsafe(9)
        user.set_password(password)
        user.save()
        agent, created = Agent.objects.get_or_create(user=user, defaults={"name": "Supervisor"})
        if created:
            QueueMembership.objects.bulk_create(
                QueueMembership(queue=queue, agent=agent) for queue in Queue.objects.all()
            )
        return user, password

    def _write(self, file: Path, staff: AbstractBaseUser, agents: list[Agent]) -> None:
        logins = {
            "staff": {"headers": _headers(staff)},
            "agents": [{"identity": agent.identity, "headers": _headers(agent.user)} for agent in agents],
        }
        text = json.dumps(logins, indent=1)
        if str(file) == "-":
            self.stdout.write(text)
            return
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(text)


def _headers(user: AbstractBaseUser) -> dict[str, str]:
    """What a logged-in browser of this user sends, through the proxy if there is one: session, CSRF token, address."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    token = secrets.token_hex(16)
    public = urlsplit(get_config().public_base_url)
    return {
        "Host": public.netloc,
        "X-Forwarded-Proto": public.scheme,
        "Cookie": f"sessionid={session.session_key}; csrftoken={token}",
        "X-CSRFToken": token,
        "Referer": f"{public.geturl()}/",
    }
