"""What is wrong with an agent, in words, and the list that proves it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.http import urlencode

from core.templatetags.statuses import status_of
from insight.selectors.fleet import UNAUTHORIZED, Kind, Trouble
from insight.views.shown import authorizations_url
from policies.engine.reasons import sentence


@dataclass(frozen=True, slots=True)
class Look:
    """How one kind of trouble is shown: its colour, its icon, its words for one and for several."""

    tone: str
    icon: str
    one: str
    several: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong, as a row says it; `url` leads to what proves it."""

    tone: str
    icon: str
    text: str
    hint: str
    since: datetime | None
    url: str

    @property
    def words(self) -> str:
        """All of it in one line."""
        return f"{self.text} ({self.hint})" if self.hint else self.text


LOOKS: Final = {
    Kind.UNAUTHORIZED: Look("negative", "shield-x", "Paid once without asking", "Paid {number} times without asking"),
    Kind.DISOBEDIENT: Look(
        "negative", "hand-stop", "Paid once against the answer", "Paid {number} times against the answer"
    ),
    Kind.MISFIT: Look("negative", "flag", "One record does not fit", "{number} records do not fit"),
    Kind.IN_DOUBT: Look("doubt", "help-circle", "One payment in doubt", "{number} payments in doubt"),
    Kind.OFTEN_DENIED: Look("negative", "circle-x", "One ask denied", "{number} of {among} asks denied"),
    Kind.KEY_EXPIRED: Look("negative", "clock-off", "Its key has run out"),
    Kind.DENIED: Look("caution", "circle-x", "One of {among} asks denied", "{number} of {among} asks denied"),
    Kind.WAITING: Look("caution", "hourglass", "One payment waits for people", "{number} payments wait for people"),
    Kind.KEY_EXPIRING: Look("caution", "clock-exclamation", "A key runs out soon"),
    Kind.SILENT: Look("caution", "player-pause", "Silent"),
    Kind.FROZEN: Look("info", "snowflake", "Frozen"),
}
STATUSES: Final = {Kind.IN_DOUBT: "in_doubt", Kind.WAITING: "pending_review"}


def wrong_of(trouble: Trouble, public_id: str) -> Wrong:
    """Return one thing that is wrong with the agent of this id in words, with the list that proves it."""
    look = LOOKS[trouble.kind]
    words = look.several if trouble.number > 1 else look.one
    text = words.format(number=f"{trouble.number:,}", among=f"{trouble.among:,}")
    return Wrong(look.tone, look.icon, text, _hint(trouble), trouble.since, _proof(trouble, public_id))


def _hint(trouble: Trouble) -> str:
    match trouble.kind:
        case Kind.DISOBEDIENT | Kind.MISFIT:
            return ", ".join(status_of(flag, "flag").word.lower() for flag in trouble.words)
        case Kind.OFTEN_DENIED | Kind.DENIED:
            return sentence(trouble.words[0]).rstrip(".")
        case _:
            return " ".join(trouble.words)


def _proof(trouble: Trouble, public_id: str) -> str:
    agent = reverse("agents:detail", args=[public_id])
    match trouble.kind:
        case Kind.UNAUTHORIZED | Kind.DISOBEDIENT | Kind.MISFIT:
            flags = trouble.words or (UNAUTHORIZED,)
            flag = {"flag": flags[0]} if len(flags) == 1 else {}
            return f"{reverse('insight:flagged')}?{urlencode({'agent': public_id, **flag})}"
        case Kind.OFTEN_DENIED | Kind.DENIED:
            return authorizations_url(agent=public_id, outcome="deny", period="24h")
        case Kind.IN_DOUBT | Kind.WAITING:
            return authorizations_url(agent=public_id, status=STATUSES[trouble.kind])
        case Kind.KEY_EXPIRED | Kind.KEY_EXPIRING:
            return f"{agent}#runtime-keys"
        case _:
            return agent
