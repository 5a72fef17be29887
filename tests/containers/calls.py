"""Simulated callers of a deploy in containers, as through a proxy that ends TLS."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .balancer import Balancer
from .deploy import Deploy

TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 8 + "5" * 24,
    "TWILIO_AUTH_TOKEN": "an-auth-token-for-the-tests-alone",
    "TWILIO_PHONE_NUMBER": "+15550100000",
}
TOKEN = "a-token-to-look-inside-with"
# What is behind # in README.md: how often Twilio asks again, where a caller waits and where nobody does.
POLICIES = {"voice": "#rc=4&rp=ct,rt,5xx", "status": "#rc=5&rp=all", "agent": "#rc=4&rp=ct,rt,5xx", "fallback": ""}
LOOPBACK = "127.0.0.1"
SIGN = """
import json, sys
from twilio.request_validator import RequestValidator
url, form, token = json.load(sys.stdin)
print(RequestValidator(token).compute_signature(url, form))
"""


@contextlib.contextmanager
def callers(deploy: Deploy, port: int, *, calls: int, rate: float, agents: int) -> Iterator[subprocess.Popen[str]]:
    """A simulator of Twilio that connects to `port`, with so many callers; it ends by itself, or with the block."""
    logins = deploy.project / "logins.json"
    logins.write_text(
        deploy.once("python", "manage.py", "demo", "--agents", str(agents), "--wrap-up", "1", "--json", "-")
    )
    simulator_port = deploy.addresses["TWILIO_API_BASE_URL"].rpartition(":")[2]
    local, public = f"127.0.0.1:{port}", public_url(deploy.project)
    argv = shlex.split(
        f"-m twilio_simulator load --port {simulator_port} --account-sid {TWILIO['TWILIO_ACCOUNT_SID']}"
        f" --number {TWILIO['TWILIO_PHONE_NUMBER']} --public-url {public} --connect-to {local}"
        f" --proxy-header 'X-Forwarded-Proto: https' --api-url http://{local}/api/ --agents {shlex.quote(str(logins))}"
        f" --calls {calls} --rate {rate} --talk 1 --seed 7 --timeout 120"
    )
    names = {"voice": "voice", "status": "status", "client-voice": "agent", "fallback": "fallback"}
    argv += [f"--{name}-url={public}/twilio/{path}/{POLICIES[path]}" for name, path in names.items()]
    token = {"TWILIO_AUTH_TOKEN": TWILIO["TWILIO_AUTH_TOKEN"]}
    with subprocess.Popen(
        [sys.executable, *argv], cwd=deploy.project, env=token, stdout=-1, stderr=-1, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def figures(simulator: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for its end; what it counted. What it complained of belongs to the failure."""
    told, complaints = simulator.communicate(timeout=240)
    assert told, complaints[-6000:]
    return {**json.loads(told.splitlines()[-1]), "complaints": complaints[-6000:]}


def ask(
    port: int, path: str, form: Mapping[str, str] | None = None, *, address: str = LOOPBACK, **headers: str
) -> tuple[int, str]:
    """(status, body) of a request to a process by its address; (0, "") while nobody answers."""
    connection = HTTPConnection(address, port, timeout=15)
    with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request("POST" if form else "GET", path, urlencode(form) if form else None, {**headers, **kind})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return 0, ""


def answers(deploy: Deploy) -> bool:
    """Whether the web process answers a probe, asked by an address that is none of its hosts, as the kubelet asks."""
    return ask(int(deploy.addresses["PORT"]), "/healthz/ready", Host="10.1.2.3")[0] == 200


def start(deploy: Deploy, balancer: Balancer) -> None:
    """Start a web process, and send it connections when it is ready."""
    deploy.start("web")
    deploy.wait_for("web", lambda: answers(deploy))
    if (port := int(deploy.addresses["PORT"])) not in balancer.targets:
        balancer.targets.append(port)


def webhook(deploy: Deploy, path: str, **form: str) -> tuple[int, str]:
    """(status, body) of a webhook that Twilio signed, asked of the web process itself."""
    return signed(deploy.project, path, form, int(deploy.addresses["PORT"]))


def signed(project: Path, path: str, form: Mapping[str, str], port: int, *, address: str = LOOPBACK) -> tuple[int, str]:
    """(status, body) of a webhook that Twilio signed for staging's public address, asked of a process by its own."""
    url = public_url(project) + path
    what = json.dumps([url, form, TWILIO["TWILIO_AUTH_TOKEN"]])
    signature = subprocess.run([sys.executable, "-c", SIGN], input=what, capture_output=True, text=True, check=True)
    host = url.partition("//")[2].partition("/")[0]
    headers = {"Host": host, "X-Forwarded-Proto": "https", "X-Twilio-Signature": signature.stdout.strip()}
    return ask(port, path, form, address=address, **headers)


def public_url(project: Path) -> str:
    """PUBLIC_BASE_URL of the staging deploy."""
    lines = (project / "deploy/staging/app.env").read_text().splitlines()
    (url,) = [line.partition("=")[2] for line in lines if line.startswith("PUBLIC_BASE_URL=")]
    return url
