"""What an engine needs where no registry can be reached, from Debian's packages: base image, servers, compose."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .engine import INSTALL, Engine, Unavailable

OFFICIAL = "python:3.13-slim"
NODE = "node:22-slim"
STAND_IN = "stand-in/python:3.13-slim"
SERVERS = ("postgres:17", "redis:7")
SERVERS_STAND_IN = "stand-in/servers"
SUITE = "trixie"  # has Python 3.13
COMPOSE_SUITE = "sid"  # `format: raw` needs compose 2.30
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What the official image has and Debian has not: `python` in /usr/local/bin, and pip that installs there.
# The machine's own certificates let pip work inside a build, wherever they are needed to reach an index.
LIKE_THE_OFFICIAL_IMAGE = """
ln -s /usr/bin/python3 "$1/usr/local/bin/python"
rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/hosts
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
"""
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


def base_image(docker: Engine) -> str:
    """The official slim Python where it is or can be pulled, else a stand-in. Raises `Unavailable`."""
    for name in (os.environ.get("BASE_IMAGE", OFFICIAL), STAND_IN):
        if docker.succeeds("image", "inspect", name):
            return name
    if docker.succeeds("pull", "--quiet", OFFICIAL):
        return OFFICIAL
    if shutil.which("mmdebstrap") is None:
        raise Unavailable(f"no base image: {OFFICIAL} cannot be pulled and mmdebstrap is missing ({INSTALL})")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root.tar")
        _run(*_mmdebstrap(root))
        changes = ("CMD python3", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8")
        docker("import", *(part for change in changes for part in ("--change", change)), root, STAND_IN)
    return STAND_IN


def assets(docker: Engine, base: str) -> list[str]:
    """Arguments of a build: without the phone's library where no image with npm can be had."""
    if docker.succeeds("pull", "--quiet", NODE):
        return []
    return ["--build-arg", f"ASSETS_IMAGE={base}", "--build-arg", "VOICE_SDK=no"]


def servers(docker: Engine, base: str) -> Engine:
    """The engine with what compose.yaml is to take for PostgreSQL and Redis: the official images, or a stand-in."""
    if all(docker.succeeds("pull", "--quiet", name) for name in SERVERS):
        return docker
    dockerfile = Path(__file__).with_name("servers.Dockerfile")
    build = ["build", "--network", "host", "--build-arg", f"BASE_IMAGE={base}", "--tag", SERVERS_STAND_IN]
    docker(*build, "--file", dockerfile, dockerfile.parent)
    return docker.having(POSTGRES_IMAGE=SERVERS_STAND_IN, REDIS_IMAGE=SERVERS_STAND_IN)


def compose_plugin(docker: Engine) -> Engine:
    """The engine with a `docker compose` that reads our file. Raises `Unavailable`."""
    if docker.succeeds("compose", "version"):
        return docker
    config = docker.environment.get("DOCKER_CONFIG") or tempfile.mkdtemp(prefix="docker-config-")
    plugins = Path(config, "cli-plugins")
    plugins.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "lists" / "partial").mkdir(parents=True)
        (work / "archives" / "partial").mkdir(parents=True)
        (work / "sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {COMPOSE_SUITE} main\n")
        settings = {
            "Dir::Etc::sourcelist": work / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": work / "lists",
            "Dir::Cache": work,
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        # The machine's own sources and lists stay as they are.
        apt = ["apt-get", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]
        _run(*apt, "update", "-qq")
        _run(*apt, "download", "-qq", "docker-compose", cwd=work)
        _run("dpkg-deb", "-x", str(next(work.glob("docker-compose_*.deb"))), str(work / "unpacked"))
        shutil.copy2(next((work / "unpacked").rglob("cli-plugins/docker-compose")), plugins)
    return docker.having(DOCKER_CONFIG=config)


def _mmdebstrap(root: Path) -> list[str]:
    options = {
        "variant": "minbase",
        "mode": "root" if os.geteuid() == 0 else "auto",
        "components": "main",
        "keyring": KEYRING,
        "include": "ca-certificates,tzdata,netbase,python3,python3-venv,python3-pip",
        "customize-hook": LIKE_THE_OFFICIAL_IMAGE,
    }
    argv = ["mmdebstrap", "--quiet", *(f"--{name}={value}" for name, value in options.items())]
    argv += ["--aptopt=Acquire::Languages none", "--aptopt=APT::Install-Recommends false"]
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    return [*argv, SUITE, str(root), _mirror()]


def _mirror() -> str:
    """Where this machine's apt gets Debian from."""
    targets = ("Label: Debian", "Component: main", "Created-By: Packages")
    sites = _run("apt-get", "indextargets", "--format", "$(SITE)", *targets).split()
    if not sites:
        raise Unavailable("this machine's apt has no Debian mirror to make the stand-ins for a registry from")
    return sites[0]


def _run(*argv: str, cwd: Path | None = None) -> str:
    if shutil.which(argv[0]) is None:
        raise Unavailable(f"{argv[0]} is missing: the stand-ins for a registry are made from Debian's packages")
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{argv[0]} failed with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout
