"""Sessions of people: the table holds a keyed hash of what the browser holds, so that a stolen copy opens none."""

from typing import Any, Final, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase

from core.clock import now
from core.keys import secret_hash
from people.authentication import hand_over
from people.models import Session
from people.selectors import opened_session

COLUMN_LENGTH: Final = 40
"""Of the table's key: 160 bits of the hash."""


class SessionStore(db.SessionStore):
    """Sessions as Django keeps them, by another name for each; `SESSION_ENGINE` looks for this name."""

    # Through the methods below, not past them as the table's own ones go.
    aexists, acreate, asave, aload, adelete = (
        SessionBase.aexists,
        SessionBase.acreate,
        SessionBase.asave,
        SessionBase.aload,
        SessionBase.adelete,
    )

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the table, which knows whose session each is."""
        return Session

    def load(self) -> dict[str, Any]:
        """Return what the session holds; an unknown or ended one is empty and gets a new key when it is stored.

        Whoever has signed in is read along with it, for the question that comes next.
        """
        found = opened_session(hashed(self.session_key or ""), now())
        hand_over(found.person if found else None)
        if found is None:
            self._session_key = None
            return {}
        return self.decode(found.data)

    def exists(self, session_key: str) -> bool:
        """Say whether there is a session of this key."""
        return super().exists(hashed(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row that is to be stored."""
        stored = cast(Session, super().create_model_instance(data))
        stored.session_key, stored.person_id = hashed(stored.session_key), data.get(SESSION_KEY)
        return stored

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one, or the one of `session_key`."""
        if wanted := session_key or self.session_key:
            super().delete(hashed(wanted))


def hashed(session_key: str) -> str:
    return secret_hash(f"session {session_key}")[:COLUMN_LENGTH]
