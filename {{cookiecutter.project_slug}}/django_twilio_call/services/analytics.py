from .base import BaseService


class AnalyticsService(BaseService):
    pass
