"""Whether the running processes agree with each other, and with the files of their deploy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ..conf.command import deploy_of
from ..conf.envfiles import SECRETS
from ..conf.fingerprint import difference, digests_of, fingerprint
from ..models import RunningProcess

Digests = Mapping[str, str]


def declared(name: str, root: Path) -> Digests:
    """What the files of a deploy, or an env file, say should run; only what they can say."""
    deploy = deploy_of(name, root)
    said = dict(deploy.values)
    if not any(Path(where.rpartition(":")[0]).name == SECRETS for where in deploy.files.where.values()):
        said.pop("DJANGO_SECRET_KEY", None)  # without it no digest of a secret can be compared
    return digests_of(said)


def report(processes: Sequence[RunningProcess], expected: Digests | None, *, now: datetime) -> tuple[list[str], bool]:
    """(lines for people, whether everything agrees). Without `expected`, what most processes have counts."""
    if not processes:
        return ["no process has published its configuration in the last minutes"], True
    usual = expected or _commonest(processes)
    lines, agreed = [], True
    for process in processes:
        # Files without secrets say nothing of secrets.
        differs = [name for name in difference(process.digests, usual) if expected is None or name in usual]
        wrong = list(_wrong(process, differs, "the files" if expected else "the others"))
        agreed = agreed and not wrong
        age = int((now - process.seen_at).total_seconds())
        lines.append(f"{process}  {process.stage}  {process.fingerprint}  {age} s ago  {'; '.join(wrong) or 'agrees'}")
    return lines, agreed


def _wrong(process: RunningProcess, differs: Sequence[str], whom: str) -> Iterator[str]:
    if differs:
        yield f"differs from {whom} in {', '.join(differs)}"
    if process.pending:
        yield f"waits for a restart: {', '.join(process.pending)}"
    if process.refused:
        yield "refused its last configuration"


def _commonest(processes: Sequence[RunningProcess]) -> Digests:
    most = Counter(fingerprint(process.digests) for process in processes).most_common(1)[0][0]
    return next(process.digests for process in processes if fingerprint(process.digests) == most)
