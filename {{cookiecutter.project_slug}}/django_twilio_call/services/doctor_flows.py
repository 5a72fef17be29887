"""What the doctor finds in the published flows."""

from __future__ import annotations

from collections.abc import Iterator

from .flows import FlowService
from .symptoms import Patient, Symptom


def flows(patient: Patient) -> Iterator[Symptom]:
    """Where a flow names a queue that is gone, its callers hear an apology."""
    for key, finding in FlowService().broken():
        yield Symptom(
            f"callers go through flow {key!r}, and there {finding}",
            f"make what is missing, or mend the draft and manage.py ivr publish {key}",
        )
