from ..conf import get_config


def cache_result(**k):
    return lambda f: f


class BaseService:
    service_type = "default"
    operation_type = "default"

    def __init__(self):
        self.config = get_config()
        self.batch_size = self.config.get_batch_size(self.service_type)
