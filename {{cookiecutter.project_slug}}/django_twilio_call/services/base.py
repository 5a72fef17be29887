"""What every service is built from: a name, and what configuration and cache give to that name."""

from __future__ import annotations

import logging
from typing import ClassVar

from django.utils.translation import gettext

from ..cache import cache_result
from ..conf import get_config
from ..conf.variables import own
from ..exceptions import BusinessLogicError, ServiceError, ValidationError

__all__ = ["BaseService", "BusinessLogicError", "ServiceError", "ValidationError", "cache_result"]


class BaseService:
    """One operation's view of the configuration: a service is built for each operation and never kept.

    `service_type` names its cache time-out and batch size, `operation_type` (the same, unless a subclass says
    otherwise) its retry rule. A name nobody declared gets the defaults.
    """

    service_type: ClassVar[str] = "default"
    operation_type: ClassVar[str] = ""

    def __init__(self) -> None:
        self.config = get_config()
        self.cache_timeout = self.config.get_cache_timeout(self.service_type)
        self.batch_size = self.config.get_batch_size(self.service_type)
        self.retry_config = self.config.get_retry_config(self.operation_type or self.service_type)

    def must_be_on(self, switch: str) -> None:
        """Refuse what this deploy has switched off; `switch` is a field of the configuration: `enable_conference`."""
        if not getattr(self.config, switch):
            raise BusinessLogicError(gettext("this is switched off: %(variable)s") % {"variable": own(switch.upper())})

    @property
    def logger(self) -> logging.Logger:
        """Named after the service's module."""
        return logging.getLogger(type(self).__module__)
