"""Families of misuse and accident; "declined" and "needs a person" are return values and never stand here."""

from typing import ClassVar


class ContoError(Exception):
    """Something was asked for that cannot be done; carries facts, is worded at the edge.

    `code` is stable and part of the API. `field` names the input at fault, as a path such as
    `counterparty.domain`. `facts` are further members of the problem body.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"

    def __init__(self, code: str, detail: str, *, field: str | None = None, **facts: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.facts = facts


class Invalid(ContoError):
    """A field holds what it must not hold."""

    status = 422
    title = "Invalid input"


class Malformed(Invalid):
    """The body cannot be read at all."""

    status = 400
    title = "Malformed request"


class TooLarge(Invalid):
    """The body is larger than the named limit."""

    status = 413
    title = "Request too large"


class NotAuthenticated(ContoError):
    """The caller is not known: no key, a wrong one, an expired or a revoked one."""

    status = 401
    title = "Not authenticated"


class NotAllowed(ContoError):
    """The caller is known and lacks the right."""

    status = 403
    title = "Not allowed"


class NotFound(ContoError):
    """There is nothing here that the caller may see."""

    status = 404
    title = "Not found"

    def __init__(
        self,
        code: str = "not_found",
        detail: str = "Not found.",
        *,
        field: str | None = None,
    ) -> None:
        super().__init__(code, detail, field=field)


class TooMany(ContoError):
    """The caller asks more often than its limit allows."""

    status = 429
    title = "Too many requests"


class Conflict(ContoError):
    """The present state does not admit the request."""

    status = 409
    title = "Conflict"


class Unavailable(ContoError):
    """Nothing was stored; the same request may be sent again."""

    status = 503
    title = "Unavailable"

    def __init__(
        self,
        code: str = "unavailable",
        detail: str = "Nothing was stored. Send the same request again.",
    ) -> None:
        super().__init__(code, detail)


class InvalidMany(Invalid):
    """Several fields are at fault at once; `errors` holds (path, code, detail) of each."""

    def __init__(self, errors: list[tuple[str, str, str]]) -> None:
        first_path, first_code, first_detail = errors[0]
        super().__init__(first_code, first_detail, field=first_path)
        self.errors = errors
