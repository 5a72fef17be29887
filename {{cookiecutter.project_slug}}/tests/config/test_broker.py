"""Messages in a folder."""

from __future__ import annotations

import threading
from pathlib import Path

from kombu import Connection

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
