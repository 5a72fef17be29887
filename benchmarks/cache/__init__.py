"""The cache beside its peers, against a real Valkey and PostgreSQL: `make bench-cache`."""
