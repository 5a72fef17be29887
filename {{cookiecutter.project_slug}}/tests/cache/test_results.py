"""Services' methods with their answers kept: for how long, for which arguments, until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from django_twilio_call.cache import cache_result, counters, get_cache_manager, invalidate_tags
from django_twilio_call.exceptions import CacheKeyError
from django_twilio_call.models import Queue
from django_twilio_call.services import BaseService, IVRService

computed: list[Any] = []


class Books(BaseService):
    """A service whose methods say when they are really called."""

    service_type = "books"

    @cache_result(service_type="books", key_prefix="lines")
    def lines(self, year: int, *, quarter: int = 1) -> tuple[int, int]:
        """Two figures."""
        computed.append((year, quarter))
        return year, quarter

    @cache_result(service_type="books", ignore=["now"], tags=lambda *, author, now: [f"author:{author}"])
    def works(self, *, author: str, now: date) -> list[str]:
        """Some titles."""
        computed.append(author)
        return [author]

    @cache_result(5, service_type="books", warm=lambda: [{"of": "all"}, {"of": "best"}])
    def shelf(self, of: str) -> None:
        """Nothing, which is an answer."""
        computed.append(of)


@cache_result(service_type="books")
def total(*, first: date, last: date) -> int:
    """Days."""
    computed.append("total")
    return (last - first).days


@pytest.fixture(autouse=True)
def _nothing_computed() -> None:
    computed.clear()
    counters.reset()


def test_an_answer_is_kept_for_its_arguments_however_they_are_passed() -> None:
    answers = [Books().lines(2026), Books().lines(year=2026), Books().lines(2026, quarter=1)]

    assert answers == [(2026, 1)] * 3
    assert computed == [(2026, 1)]


def test_other_arguments_are_another_answer() -> None:
    assert Books().lines(2026, quarter=2) != Books().lines(2026)
    assert Books().lines.key(1) != Books().lines.key(True)


def test_functions_keep_their_answers_too() -> None:
    period = {"first": date(2026, 3, 1), "last": date(2026, 3, 3)}

    assert (total(**period), total(**period)) == (2, 2)
    assert computed == ["total"]


def test_a_parameter_that_is_ignored_changes_nothing() -> None:
    for day in (1, 2):
        Books().works(author="ada", now=date(2026, 3, day))

    assert computed == ["ada"]


def test_the_time_comes_from_the_configuration_at_the_call() -> None:
    with override_settings(DJANGO_TWILIO_CACHE_TIMEOUT=0):
        Books().lines(2026)
        Books().lines(2026)
    Books().lines(2026)
    Books().lines(2026)

    assert len(computed) == 3
    assert counters.of("books").uncached == 2


@pytest.mark.parametrize("arguments", [(2026,), ()])
def test_invalidate_forgets_one_answer_or_all(arguments: tuple[int, ...]) -> None:
    Books().lines(2026)
    Books().lines(2027)

    assert Books().lines.invalidate(*arguments)

    Books().lines(2026)
    Books().lines(2027)
    assert len(computed) == (3 if arguments else 4)


def test_refresh_computes_anew_and_peek_never_computes() -> None:
    assert Books().lines.peek(2026, default="nothing") == "nothing"
    Books().lines.refresh(2026)
    Books().lines.refresh(2026)

    assert len(computed) == 2
    assert Books().lines.peek(2026) == (2026, 1)


@pytest.mark.parametrize(("tag", "times"), [("author:ada", 2), ("s:books", 2), ("author:bob", 1)])
def test_tags_name_answers_across_methods(tag: str, times: int) -> None:
    Books().works(author="ada", now=date(2026, 3, 1))
    invalidate_tags(tag)
    Books().works(author="ada", now=date(2026, 3, 1))

    assert computed == ["ada"] * times


def test_what_a_service_declares_is_warmed() -> None:
    assert get_cache_manager().warm_service_cache("books") == 2
    Books().shelf("best")

    assert computed == ["all", "best"]


def test_what_cannot_be_a_key_or_has_no_fixed_parameters_is_refused() -> None:
    with pytest.raises(CacheKeyError, match="object"):
        Books().lines(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no parameter later to ignore"):
        cache_result(ignore=["later"])(lambda now: now)
    with pytest.raises(TypeError, match="makes no key"):
        cache_result()(lambda *numbers: numbers)


def test_hits_are_counted_with_the_time_they_saved() -> None:
    for _ in range(4):
        Books().lines(2026)
    figures = get_cache_manager().get_cache_stats()["services"]["books"]

    assert (figures["misses"], figures["hits"], figures["computations"]) == (1, 3, 1)
    assert figures["hit_rate"] == 0.75
    assert 0 < figures["saved_s"] == pytest.approx(3 * figures["computed_s"])


@pytest.mark.django_db(transaction=True)
class TestChanges:
    """What is computed from rows is forgotten when the change is committed."""

    def menu(self) -> list[str]:
        """Names of the queues in the menu, from the cache if they are there."""
        return [name for _, name in IVRService().menu(attempt=1).options]

    @pytest.mark.parametrize("how", ["save", "update", "delete", "bulk_create", "bulk_update"])
    def test_every_way_of_changing_rows_counts(self, queue: Queue, how: str) -> None:
        assert self.menu() == ["Support"]
        queue.name = "Help"
        change: dict[str, Callable[[], object]] = {
            "save": queue.save,
            "update": lambda: Queue.objects.update(name="Help"),
            "delete": queue.delete,
            "bulk_create": lambda: Queue.objects.bulk_create([Queue(key="sales", name="Sales", digit="2")]),
            "bulk_update": lambda: Queue.objects.bulk_update([queue], ["name"]),
        }

        change[how]()

        assert self.menu() != ["Support"]

    def test_a_rollback_changes_nothing_and_its_rows_are_seen_by_nobody(self, queue: Queue) -> None:
        self.menu()
        with transaction.atomic():
            Queue.objects.update(name="Never")
            assert self.menu() == ["Never"]  # for this transaction alone
            transaction.set_rollback(True)

        assert IVRService().options.peek() == [("1", "support", "Support")]
        assert self.menu() == ["Support"]

    def test_until_the_commit_others_get_what_is_committed(self, queue: Queue) -> None:
        self.menu()
        with transaction.atomic():
            queue.save()
            assert IVRService().options.peek() is not None

        assert IVRService().options.peek() is None

    def test_many_changes_of_one_transaction_are_one_command(self, queue: Queue) -> None:
        with transaction.atomic():
            for number in range(50):
                Queue.objects.create(key=f"q{number}", name="Q")
            assert len(transaction.get_connection().run_on_commit) == 1
