"""What tests of a changing configuration share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from django_twilio_call.conf import live, reload

from .deploys import Mounted


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mounted]:
    """A mounted folder that this process watches at every operation."""
    mount = Mounted(tmp_path / "mounted")
    mount.hold()
    monkeypatch.setenv("DJANGO_TWILIO_CONFIG_DIR", str(mount.folder))
    live.forget()
    reload.watch(every=0)
    yield mount
    reload.state.watch = reload.state.last = None
    reload.counts.clear()
    live.forget()
