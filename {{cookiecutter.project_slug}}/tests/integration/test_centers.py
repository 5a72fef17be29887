"""Call centers of tests that run beside each other have nothing in common."""

from __future__ import annotations

import os

import psycopg
import pytest
import redis

from tests.servers import own_addresses

pytestmark = pytest.mark.integration


@pytest.mark.skipif(os.environ.get("SERVICES") != "1", reason="each has files of its own where there are no servers")
def test_two_centers_share_no_database_and_leave_nothing_behind() -> None:
    with own_addresses() as one, own_addresses() as other:
        assert one.keys() == other.keys() == {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"}
        assert len({*one.values(), *other.values(), os.environ["DATABASE_URL"], os.environ["REDIS_URL"]}) == 8
        with redis.Redis.from_url(one["REDIS_URL"]) as client:
            client.set("left", "behind")
            with psycopg.connect(one["DATABASE_URL"]) as connection:
                connection.execute("CREATE TABLE left_behind ()")
            with redis.Redis.from_url(other["REDIS_URL"]) as stranger:
                assert stranger.get("left") is None
    with own_addresses() as again, psycopg.connect(again["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT to_regclass('left_behind')").fetchone() == (None,)
        with redis.Redis.from_url(again["REDIS_URL"]) as client:
            assert client.get("left") is None
