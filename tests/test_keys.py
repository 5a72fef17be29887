"""Keys: what the files set is read, what the code reads is declared, and what is secret is in no ConfigMap."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import run
from .manifests import ADDRESSES, DEPLOYED, OVERLAYS, Manifest, config_map, of_kind, read_env, render

STAGES = ("development", "testing", "staging", "production")
# Read before there is a catalogue, or by programs that are not ours.
OUTSIDE = {"DJANGO_SETTINGS_MODULE", "DJANGO_TWILIO_CONFIG_DIR"}
# Who reads the environment as a whole: the reader's own room, and who hands it to the reader or to a child process.
READERS = {"config/settings/base.py", "config/laptop.py", "manage.py"}
# What staging and production have otherwise, and nothing else.
DIFFERENT = {
    "DJANGO_SETTINGS_MODULE",
    "DJANGO_ALLOWED_HOSTS",
    "DJANGO_CSRF_TRUSTED_ORIGINS",
    "DJANGO_TWILIO_NAMESPACE",
    "PUBLIC_BASE_URL",
}
# What in staging and production only an operator knows: the closed list.
OPERATORS = {
    "DATABASE_URL": "postgres://app:a-password@db.internal:5432/calls",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/1",
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "a-token-for-this-test-alone",
}
CATALOGUE = """
import json
from django_twilio_call.conf.catalogue import variables
from django_twilio_call.conf.platform import DATABASE_PARTS
every = {**variables(), **DATABASE_PARTS}
print(json.dumps({name: {"secret": v.secret, "operator": v.operator} for name, v in every.items()}))
"""


@pytest.fixture(scope="module")
def catalogue(baked: Path) -> dict[str, dict[str, bool]]:
    """What the project declares of each variable."""
    return dict(json.loads(run(sys.executable, "-B", "-c", CATALOGUE, cwd=baked).stdout))


def unread(file: Path, declared: set[str]) -> set[str]:
    """Keys of an env file that no code reads."""
    return read_env(file).keys() - declared - OUTSIDE


def environment_uses(source: str) -> Iterator[str | None]:
    """For each use of the process's environment, the name it reads; None where that is not written there."""
    tree = ast.parse(source)
    named = {}
    for node in ast.walk(tree):
        argument: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            argument, of = node.slice, node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            argument = node.args[0] if node.args else None
            of = node.func if node.func.attr == "getenv" else node.func.value
        else:
            continue
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            named[of.lineno, of.col_offset] = argument.value
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
            yield named.get((node.lineno, node.col_offset))
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (None for alias in node.names if alias.name in ("environ", "getenv"))


def in_the_open(manifests: list[Manifest], catalogue: dict[str, dict[str, bool]]) -> set[str]:
    """Secrets that a ConfigMap holds."""
    keys = {key for each in of_kind(manifests, "ConfigMap") for key in each["data"]}
    return {key for key in keys if catalogue.get(key.removesuffix("_FILE"), {}).get("secret")}


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_reads_every_key_of_a_deploys_files(baked: Path, stage: str, catalogue: dict[str, Any]) -> None:
    files = [file for file in (baked / "deploy" / stage).glob("*.env") if file.name != "secrets.env"]
    assert {file.name: unread(file, set(catalogue)) for file in files if unread(file, set(catalogue))} == {}


def test_a_key_that_no_code_reads_is_found(project: Path, catalogue: dict[str, Any]) -> None:
    file = project / "deploy/staging/app.env"
    file.write_text(file.read_text() + "TWILIO_WEBHOOK_BASE_URL=https://calls.example.com\n")
    assert unread(file, set(catalogue)) == {"TWILIO_WEBHOOK_BASE_URL"}


def test_whoever_reads_the_environment_reads_what_is_declared(baked: Path, catalogue: dict[str, Any]) -> None:
    strange = []
    for path in baked.rglob("*.py"):
        name = path.relative_to(baked).as_posix()
        if name.startswith(("tests/", "django_twilio_call/conf/")):
            continue
        for variable in environment_uses(path.read_text()):
            declared = name in READERS if variable is None else variable in catalogue.keys() | OUTSIDE
            strange += [] if declared else [(name, variable)]
    assert strange == []


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ('import os\nos.environ["A"]', ["A"]),
        ('import os\nos.environ.get("A", "b")', ["A"]),
        ('import os\nos.getenv("A")', ["A"]),
        ("import os\nos.environ[name]", [None]),
        ("import os\ndict(os.environ)", [None]),
        ("from os import environ", [None]),
    ],
)
def test_a_read_of_the_environment_is_found(source: str, uses: list[str | None]) -> None:
    assert list(environment_uses(source)) == uses


@pytest.mark.parametrize("stage", OVERLAYS)
def test_no_config_map_holds_a_secret(baked: Path, stage: str, catalogue: dict[str, Any]) -> None:
    manifests = render(baked / "deploy" / stage)
    addresses = config_map(manifests, "addresses")["data"] if stage == "development" else {}
    assert in_the_open(manifests, catalogue) <= addresses.keys()
    assert {urlsplit(address).password for address in addresses.values()} <= {None}


def test_a_secret_in_a_config_map_is_found(project: Path, catalogue: dict[str, Any]) -> None:
    file = project / "deploy/staging/app.env"
    file.write_text(file.read_text() + "DATABASE_PASSWORD=hunter2\nTWILIO_AUTH_TOKEN=0123\n")
    assert in_the_open(render(file.parent), catalogue) == {"DATABASE_PASSWORD", "TWILIO_AUTH_TOKEN"}


@pytest.mark.parametrize("key", sorted(ADDRESSES))
def test_an_address_that_compose_adds_is_one_the_code_reads(catalogue: dict[str, Any], key: str) -> None:
    assert key in catalogue


def test_staging_is_production_with_a_few_other_values(baked: Path) -> None:
    staging, production = (read_env(baked / "deploy" / stage / "app.env") for stage in DEPLOYED)
    assert staging.keys() == production.keys()
    assert {key for key in staging if staging[key] != production[key]} == DIFFERENT
    for name in ("tunables.env", "kustomization.yaml"):
        one, other = ((baked / "deploy" / stage / name).read_text().replace(stage, "") for stage in DEPLOYED)
        assert one == other
    module = (baked / "config/settings/staging.py").read_text()
    assert [type(node).__name__ for node in ast.parse(module).body] == ["Expr", "ImportFrom", "ImportFrom"]


def test_the_operators_list_is_closed(baked: Path, catalogue: dict[str, Any]) -> None:
    wanted = {name for name, declared in catalogue.items() if declared["operator"]}
    for stage in DEPLOYED:
        assert wanted - read_env(baked / "deploy" / stage / "app.env").keys() == OPERATORS.keys()


@pytest.mark.parametrize("stage", DEPLOYED)
def test_djangos_deploy_check_is_clean_with_the_operators_list(project: Path, stage: str) -> None:
    manage = [sys.executable, "-B", "manage.py"]
    run(*manage, "config", "secrets", "--stage", stage, cwd=project)
    files = [read_env(project / "deploy" / stage / f"{name}.env") for name in ("app", "secrets")]
    environment = {"PATH": "/usr/bin:/bin", **files[0], **files[1], **OPERATORS}
    run(*manage, "check", "--deploy", "--fail-level", "WARNING", cwd=project, env=environment)
