def connect_model_invalidation(m):
    pass
