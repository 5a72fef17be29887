"""Messages in a folder, and a broker that is away."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from config.broker import PATIENCE
from config.celery import app
from django_twilio_call.cache.backend import RedisCache
from tests.conf.deploys import read
from tests.servers import free_port

MESSAGES = 400


def connection(folder: Path) -> Connection:
    """A connection as Celery makes it from the settings."""
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    return Connection(
        "filesystem://", transport="config.broker:Transport", transport_options={**options, "polling_interval": 0.001}
    )


def produce(folder: Path) -> None:
    with connection(folder) as out, out.SimpleQueue("wake-ups") as queue:
        for number in range(MESSAGES):
            queue.put({"number": number, "padding": "x" * 2000})


def test_a_reader_in_a_hurry_sees_whole_messages_alone(tmp_path: Path) -> None:
    producer = threading.Thread(target=produce, args=[tmp_path])
    with connection(tmp_path) as incoming, incoming.SimpleQueue("wake-ups") as queue:
        producer.start()
        got = [queue.get(timeout=10).payload["number"] for _ in range(MESSAGES)]
        producer.join()

    assert sorted(got) == list(range(MESSAGES))


def test_a_message_that_was_taken_is_not_kept_for_a_worker_that_dies(tmp_path: Path) -> None:
    """It only wakes; and who acknowledges it when the broker has just gone ends with it."""
    taken: list[object] = []
    with connection(tmp_path) as out:
        app.amqp.Producer(out).publish({}, routing_key="celery", declare=[app.amqp.queues["celery"]])
    with connection(tmp_path) as incoming:
        consumer = app.amqp.TaskConsumer(incoming.default_channel, callbacks=[lambda *message: taken.append(message)])
        consumer.consume()
        incoming.drain_events(timeout=10)
    with connection(tmp_path) as again, again.SimpleQueue("celery") as queue:
        assert (len(taken), queue.qsize()) == (1, 0)


def test_a_broker_that_is_away_is_not_waited_for() -> None:
    again: list[Exception] = []

    def note(error: Exception, *_: object) -> float:
        again.append(error)
        return 0

    options = {**PATIENCE, "errback": note}
    broker = Connection(f"redis://127.0.0.1:{free_port()}/0", transport_options=options)
    with broker, pytest.raises(OperationalError):
        assert broker.default_channel
    assert again == []


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ("", ssl.CERT_REQUIRED),
        ("?ssl_ca_certs=/etc/ca.pem", ssl.CERT_REQUIRED),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_a_broker_by_tls_has_to_show_a_certificate_unless_the_address_says_otherwise(
    more: str, asked: ssl.VerifyMode
) -> None:
    config = read(CELERY_BROKER_URL=f"rediss://:pw@broker.example.com:6379/1{more}").config

    told: Any = Connection(config.celery_broker_url).ssl
    assert told["ssl_cert_reqs"] is asked
    assert read(CELERY_BROKER_URL=config.celery_broker_url).config == config


def test_a_cache_by_tls_has_to_show_a_certificate_too() -> None:
    config = read(REDIS_URL="rediss://:pw@cache.example.com:6379/0").config

    connection: Any = RedisCache(config.redis_url, {}).link.client.connection_pool.make_connection()

    assert (connection.cert_reqs, connection.check_hostname) == (ssl.CERT_REQUIRED, True)
