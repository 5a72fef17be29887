"""What a call's timeline is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

KINDS: Final = {"webhook": _("webhook"), "command": _("command"), "state": _("state"), "act": _("act")}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: `kind` is one of `KINDS`, `twiml` what a webhook was answered.

    `number`: whom it concerns outside, None being nobody, and "" somebody who was erased.
    """

    at: datetime
    kind: str
    title: str
    detail: str = ""
    number: str | None = None
    twiml: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def kind_text(self) -> str:
        """The kind in words."""
        return str(KINDS[self.kind])
