"""Rollups: what the ledger adds up to per day of an organization's time zone, so that long periods are answered fast.

Nothing here is a source: everything can be thrown away and added up again (`manage.py rebuild_rollups`), and
`check_books` compares it with the ledger.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from agents.models import Agent
from people.models import Organization, Person

SAID_LENGTH = 20
REASON_LENGTH = 60
TEXT_LENGTH = 200
POLICY_LENGTH = 40
SAID = ("allow", "review", "deny", "approved", "rejected", "redecided", "voided", "expired", "recorded")
"""How an ask was answered, and how a question to people was closed."""


class BooksCheck(models.Model):
    """One check of the books over everything there is: who made it, how many questions it asked, what it found.

    One that is under way has no `checked_at`: it stands at `question`, behind the key `after`, and whoever has it was
    heard of at `seen_at`. `unknown` are the parts that took too long, or could not be read.
    """

    begun_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    by = models.CharField(max_length=TEXT_LENGTH)
    questions = models.PositiveIntegerField()
    faults = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField(default=0)
    question = models.CharField(max_length=TEXT_LENGTH, blank=True)
    after = models.CharField(max_length=POLICY_LENGTH, blank=True)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-checked_at"], name="books_check_newest_first")]

    def __str__(self) -> str:
        return f"{self.checked_at}: {self.faults} faults"


class Rollup(models.Model):
    """How far an organization's ledger is added up, and in which zone its days are cut.

    Whatever happened before `until` is in the daily rows, each once; whatever happened since is not.
    """

    organization = models.OneToOneField(Organization, on_delete=models.PROTECT, primary_key=True, related_name="+")
    time_zone = models.CharField(max_length=64)
    until = models.DateTimeField()
    rolled_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"until {self.until}"


class Recorded(models.Model):
    """What was recorded in one currency: `unauthorized` is the part of `spent` that no authorization stood behind."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=10)
    spent = models.DecimalField(max_digits=30, decimal_places=6)
    returned = models.DecimalField(max_digits=30, decimal_places=6)
    payments = models.BigIntegerField()
    unauthorized = models.DecimalField(max_digits=30, decimal_places=6)
    unauthorized_payments = models.BigIntegerField()

    class Meta:
        abstract = True


class Spend(Recorded):
    """What was recorded of one agent, counterparty, category, rail and set of policies.

    `policies` are the public ids of those that had a say in the payments, sorted; `policies_key` is the digest of them.
    """

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    counterparty_id = models.UUIDField(null=True)
    category = models.CharField(max_length=TEXT_LENGTH, null=True)
    rail = models.CharField(max_length=20, null=True)
    policies = ArrayField(models.CharField(max_length=POLICY_LENGTH), default=list)
    policies_key = models.CharField(max_length=32)

    class Meta:
        abstract = True


class SpendDay(Spend):
    """The same on one day: with few payments of a kind, these rows are as many as payments.

    A year of days is drawn under several filters: what they let through is found by what narrows it most.
    """

    day = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "organization",
                    "day",
                    "currency",
                    "agent",
                    "counterparty_id",
                    "category",
                    "rail",
                    "policies_key",
                ],
                nulls_distinct=False,
                name="spend_day_is_one_per_group",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "category", "rail", "day"], name="spend_day_by_category_and_rail"),
            models.Index(fields=["organization", "counterparty_id", "day"], name="spend_day_by_counterparty"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.spent} {self.currency}"


class SpendMonth(Spend):
    """The same in the month that begins on `month`: one row for each combination that the month had.

    Agents that pay the same payees for the same things every day have a thirtieth of the rows of its days; where no
    combination comes twice in a month, there are as many as payments.
    """

    month = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "organization",
                    "month",
                    "currency",
                    "agent",
                    "counterparty_id",
                    "category",
                    "rail",
                    "policies_key",
                ],
                nulls_distinct=False,
                name="spend_month_is_one_per_group",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.spent} {self.currency}"


class Grouped(Recorded):
    """What was recorded of one agent, counterparty, category, rail or policy: most pages group by one thing.

    What several policies had a say in stands under each of them. `key` is the text of an id or a word, empty where
    there was none.
    """

    by = models.CharField(max_length=12)
    key = models.CharField(max_length=TEXT_LENGTH)

    class Meta:
        abstract = True


class GroupDay(Grouped):
    """The same on one day: these rows are few, and those of `SpendDay` are as many as payments."""

    day = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "by", "day", "currency", "key"],
                name="group_day_is_one_per_key",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "by", "key", "day"], name="group_day_by_key")]

    def __str__(self) -> str:
        return f"{self.day} {self.by} {self.spent} {self.currency}"


class GroupMonth(Grouped):
    """The same by month, which begins on `month`: long periods would read hundreds of days of each key."""

    month = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "by", "month", "currency", "key"],
                name="group_month_is_one_per_key",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organization", "by", "key", "month"], name="group_month_by_key")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.by} {self.spent} {self.currency}"


class AskDay(models.Model):
    """What was asked for on one day: how it was answered, or how the question to people was closed later.

    `reason` is the first reason of a denial. A request that people closed stands on the day it was asked for, beside
    the `review` that it was answered with.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    currency = models.CharField(max_length=10)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    said = models.CharField(max_length=SAID_LENGTH)
    reason = models.CharField(max_length=REASON_LENGTH)
    asks = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=6)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "day", "currency", "agent", "said", "reason"],
                name="ask_day_is_one_per_answer",
            ),
            models.CheckConstraint(condition=models.Q(said__in=SAID), name="ask_day_says_a_known_word"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.said} {self.asks}"


class ReviewDay(models.Model):
    """The reviews of one person on one day, by verdict: how many seconds each question had waited for it."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    verdict = models.CharField(max_length=10)
    waits = ArrayField(models.IntegerField())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "day", "person", "verdict"],
                name="review_day_is_one_per_verdict",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.verdict} {len(self.waits)}"


class PotDay(models.Model):
    """What was recorded on one day against one pot of a budget, by agent; `returned` is the room that came back."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+", db_index=False)
    counter_id = models.BigIntegerField()
    day = models.DateField()
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    spent = models.DecimalField(max_digits=30, decimal_places=6)
    returned = models.DecimalField(max_digits=30, decimal_places=6)
    payments = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "counter_id", "day", "agent"],
                name="pot_day_is_one_per_agent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.spent}"
