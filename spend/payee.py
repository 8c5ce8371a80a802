"""What an app says of the payee: strong identifiers brought to one form, and a name that never matches anything."""

import re
from dataclasses import dataclass
from typing import Final

import idna

from core.errors import Invalid

LONGEST_IDENTIFIER: Final = 255
LONGEST_NAME: Final = 200
EVM_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}", re.ASCII)
ADDRESS: Final = re.compile(r"[!-~]{4,255}", re.ASCII)
ACCOUNT: Final = re.compile(r"[A-Za-z0-9:/_.@+-]{2,255}", re.ASCII)
HOST: Final = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PayeeClaim:
    """Who the app says would be paid.

    `identifiers` are sorted texts such as `domain:api.openai.com`; `counterparty` is Conto's own public id where the
    app knows it. `name` is shown and never compared.
    """

    name: str
    identifiers: tuple[str, ...]
    counterparty: str | None = None
    country: str | None = None


def normal_identifier(kind: str, value: str, *, field: str) -> str:
    """Return `kind:value` in its one form; raises `Invalid` (`identifier_invalid`).

    Domains become lower-case punycode (IDNA 2008), EVM addresses lower case; base58 and others keep their case;
    accounts lose spaces and are upper case, as IBAN (ISO 13616) is written.
    """
    text = value.strip()
    if len(text) > LONGEST_IDENTIFIER:
        raise Invalid(
            "identifier_invalid",
            f"At most {LONGEST_IDENTIFIER} characters.",
            field=field,
        )
    match kind:
        case "domain":
            return f"domain:{_domain(text, field)}"
        case "address":
            if ADDRESS.fullmatch(text) is None:
                raise Invalid(
                    "identifier_invalid",
                    "A payment address has no spaces and only ASCII.",
                    field=field,
                )
            return f"address:{text.lower() if EVM_ADDRESS.fullmatch(text) else text}"
        case "account":
            compact = "".join(text.split()).upper()
            if ACCOUNT.fullmatch(compact) is None:
                raise Invalid(
                    "identifier_invalid",
                    "An account is letters, digits and : / _ . @ + -",
                    field=field,
                )
            return f"account:{compact}"
    raise Invalid(
        "identifier_invalid",
        "An identifier is a domain, an address or an account.",
        field=field,
    )


def _domain(text: str, field: str) -> str:
    host = text.rstrip(".").lower()
    try:
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise Invalid("identifier_invalid", f"Not a domain name: {error}.", field=field) from error
    if HOST.fullmatch(host) is None:
        raise Invalid(
            "identifier_invalid",
            "Send a domain name such as api.example.com, no URL.",
            field=field,
        )
    return host
