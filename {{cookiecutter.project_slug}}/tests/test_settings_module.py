"""The deprecated module still imports, and says what to use instead."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from django_twilio_call.conf import get_config


@pytest.fixture
def old() -> ModuleType:
    """The module, imported anew."""
    sys.modules.pop("django_twilio_call.settings", None)
    with pytest.warns(DeprecationWarning, match=r"django_twilio_call\.conf\.get_config"):
        return importlib.import_module("django_twilio_call.settings")


def test_old_names_give_the_live_values(old: ModuleType) -> None:
    assert get_config().twilio_account_sid == old.TWILIO_ACCOUNT_SID
    assert get_config().cache_timeout == old.DJANGO_TWILIO_CACHE_TIMEOUT


def test_a_name_nobody_knows_is_an_attribute_error(old: ModuleType) -> None:
    with pytest.raises(AttributeError, match="NO_SUCH_THING"):
        _ = old.NO_SUCH_THING
