"""The worker checks the books at night: part by part, from where it was, without missing what the whole would find."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.test import Client

from approvals.selectors import books
from approvals.selectors.books import CUT, TABLES, faults_in_part, next_part, table_of
from conto_admin.celery import app
from core.db import rows
from insight.models import BooksCheck
from insight.selectors.anomalies import BOOKS_OLD_AFTER, books_state
from insight.services import checks, note_books_check
from insight.services.checks import QUESTIONS, WORKER, check_books
from tests.approvals.test_check_books import PLANTED, set_up
from tests.approvals.world import World
from tests.factories import NOW

pytestmark = pytest.mark.django_db
NO_TIME = timedelta(0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of one row each."""
    for letter, table in TABLES.items():
        monkeypatch.setitem(TABLES, letter, books.Table(table.name, table.kind, table.first, 1))


@pytest.fixture
def world(small: None) -> World:
    return set_up()


def still(now: datetime = NOW) -> Callable[[], datetime]:
    return lambda: now


def found_in_parts(questions: Any) -> set[str]:
    """The questions that find something in one of their parts."""
    found: set[str] = set()
    for what, question in questions.items():
        after = ""
        while (until := next_part(question, after)) is not None:
            if faults_in_part(what, question, after=after, until=until, milliseconds=60_000):
                found.add(what)
            after = until
    return found


def test_every_question_can_be_cut_wherever_it_begins_to_read() -> None:
    for question in QUESTIONS.values():
        letters = {cut[1] for cut in CUT.finditer(question)}
        assert len(letters) == 1
        assert table_of(question) in TABLES.values()


def test_the_parts_find_what_the_whole_finds(world: World) -> None:
    assert found_in_parts(QUESTIONS) == set()
    for what, statements in PLANTED.items():
        for sql in statements:
            with transaction.atomic():
                rows(sql)
                whole = {fault.what for fault in books.faults()}
                assert what in whole
                assert found_in_parts(books.QUESTIONS) == whole
                transaction.set_rollback(True)


def test_a_check_goes_on_from_where_it_was_and_ends(world: World) -> None:
    rows("update spend_counter set used = used + 1 where subject = 'pot'")
    turns = 0
    while not BooksCheck.objects.filter(checked_at__isnull=False).exists():
        turns += 1
        assert check_books(clock=still(NOW + timedelta(minutes=turns)), turn=NO_TIME)
        assert BooksCheck.objects.get().seen_at is None, "the next turn is anybody's"
    assert turns > len(QUESTIONS), "each turn looked at one part"
    check = BooksCheck.objects.get()
    assert check.checked_at == NOW + timedelta(minutes=turns)
    assert (check.by, check.begun_at, check.faults) == (WORKER, NOW + timedelta(minutes=1), 2)
    assert check.questions == len(QUESTIONS)


def test_one_check_a_night_by_one_worker(world: World) -> None:
    assert check_books(clock=still())
    check = BooksCheck.objects.get()
    assert check.checked_at == NOW, "a small history takes one turn"
    assert not check_books(clock=still(NOW + timedelta(hours=4)))
    assert check_books(clock=still(NOW + timedelta(hours=24)), turn=NO_TIME)
    second = BooksCheck.objects.latest("begun_at")

    BooksCheck.objects.filter(pk=second.pk).update(seen_at=NOW + timedelta(hours=24))
    assert not check_books(clock=still(NOW + timedelta(hours=24, minutes=1))), "somebody has it"
    assert check_books(clock=still(NOW + timedelta(hours=24, minutes=5))), "who had it has fallen silent"
    assert BooksCheck.objects.filter(checked_at=None).count() == 0


def test_a_check_that_another_version_began_is_begun_anew(world: World) -> None:
    BooksCheck.objects.create(begun_at=NOW, by=WORKER, questions=1, faults=0, question="asked by nobody any more")
    assert check_books(clock=still())
    assert BooksCheck.objects.get().questions == len(QUESTIONS)


def test_the_worker_and_who_runs_the_command_do_not_disturb_each_other(world: World) -> None:
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    assert check_books(clock=still())
    assert set(BooksCheck.objects.values_list("by", flat=True)) == {"olu", WORKER}


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_given_up_and_told(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    world = set_up()
    endless = "select pg_sleep(600)::text from people_organization o where /*by k: o.id*/ true"
    monkeypatch.setattr(checks, "QUESTIONS", {"endless": endless})
    monkeypatch.setattr(checks, "PART_MILLISECONDS", 50)

    assert check_books(clock=still())

    assert BooksCheck.objects.values_list("unknown", "faults").get() == (2, 0), "one of each organization"
    client.force_login(world.cast.vera.person)
    page = client.get("/").content.decode()
    assert "2 parts could not be checked" in page
    assert "every sum is right" not in page
    assert books_state(now=NOW).status == "degraded"


@pytest.mark.django_db(transaction=True)
def test_a_row_that_cannot_be_read_is_told_and_keeps_no_other_from_being_looked_at(small: None) -> None:
    set_up()
    damaged = "(select id from approvals_authorization order by id limit 1)"
    with transaction.atomic():
        rows("set local session_replication_role = replica")
        rows(
            f"update approvals_authorization set decision = jsonb_set(decision, '{{checks}}', '7') where id = {damaged}"
        )
    rows("update spend_counter set used = used + 1 where subject = 'pot'")

    assert check_books(clock=still())

    check = BooksCheck.objects.get()
    assert check.checked_at == NOW
    assert check.unknown > 0
    assert check.faults > 0, "the damaged row may hide one fault in its part, and never the one of the counter"


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_says_nothing_of_the_books(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    ended = "select pg_terminate_backend(pg_backend_pid())::text from people_organization o where /*by k: o.id*/ true"
    monkeypatch.setattr(checks, "QUESTIONS", {"ended": ended})

    with pytest.raises(OperationalError):
        check_books(clock=still())

    assert BooksCheck.objects.values_list("unknown", "after", "checked_at").get() == (0, "", None), "it is tried again"


def test_the_pages_show_what_a_check_under_way_has_found(client: Client, world: World, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    client.force_login(world.cast.vera.person)
    note_books_check(by="olu", questions=9, faults=0, now=NOW - timedelta(hours=1))
    assert books_state(now=NOW).status == "ok"
    rows("update spend_counter set used = used + 1 where subject = 'pot'")
    while (under_way := BooksCheck.objects.filter(checked_at=None).first()) is None or not under_way.faults:
        assert check_books(clock=still(), turn=NO_TIME)
    assert books_state(now=NOW).status == "violated"
    for page in ("/", "/budgets/"):
        assert "The check under way has found 1 fault" in client.get(page).content.decode()


def test_what_a_check_under_way_could_not_read_is_a_warning() -> None:
    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    BooksCheck.objects.create(begun_at=NOW, by=WORKER, questions=9, faults=0, unknown=2)
    assert books_state(now=NOW).status == "degraded"


def test_a_check_that_is_older_than_a_night_and_a_day_is_a_warning(
    client: Client, world: World, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    client.force_login(world.cast.vera.person)
    told = "No check has come to its end for more than a night and a day"
    note_books_check(by="olu", questions=9, faults=0, now=NOW - BOOKS_OLD_AFTER)
    assert books_state(now=NOW).status == "ok"
    assert told not in client.get("/budgets/").content.decode()

    time_machine.move_to(NOW + timedelta(seconds=1), tick=False)
    assert books_state(now=NOW + timedelta(seconds=1)).status == "degraded"
    for page in ("/", "/budgets/"):
        assert told in client.get(page).content.decode()


def test_a_first_check_that_does_not_come_to_its_end_is_a_warning() -> None:
    assert books_state(now=NOW).status == ""
    BooksCheck.objects.create(begun_at=NOW, by=WORKER, questions=9, faults=0)
    assert books_state(now=NOW + BOOKS_OLD_AFTER).status == ""
    assert books_state(now=NOW + BOOKS_OLD_AFTER + timedelta(seconds=1)).status == "degraded"


def test_the_budgets_say_when_the_books_were_checked(client: Client, world: World, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    client.force_login(world.cast.vera.person)
    assert "it is done every night" in client.get("/budgets/").content.decode()
    check_books(clock=still(NOW - timedelta(hours=3)), turn=NO_TIME)
    assert "it is done every night" in client.get("/budgets/").content.decode(), "it has only begun"
    check_books(clock=still(NOW - timedelta(hours=2)))
    page = client.get("/budgets/").content.decode()
    assert "every sum is right" in page
    assert "by the worker" in page


def test_the_clock_checks_the_books_at_night() -> None:
    schedule = app.conf.beat_schedule["check-books"]["schedule"]
    assert schedule.hour == {2, 3, 4, 5}
    assert len(schedule.minute) == 60


def test_budgets_say_first_that_the_books_are_not_right(client: Client, world: World, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    client.force_login(world.cast.vera.person)

    def alert(path: str) -> str:
        return client.get(path).content.decode().partition('id="books-alert"')[2].partition("</div>\n</div>")[0]

    note_books_check(by="olu", questions=9, faults=0, now=NOW)
    assert alert("/budgets/") == ""
    note_books_check(by="olu", questions=9, faults=3, now=NOW)
    assert "The books are not right" in alert("/budgets/")
    assert "3 faults found" in alert("/budgets/?show=short"), "on every tab"
    BooksCheck.objects.update(faults=0, unknown=2)
    assert "Nobody knows whether the books are right" in alert("/budgets/")
