"""What the demo's agents want to buy, from whom, and why they say so."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Final

from approvals.selectors.situation import Ask
from spend.payee import PayeeClaim

CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Payee:
    """Somebody who is paid: by which identifier, for what, on which rail, in which currency."""

    name: str
    domain: str
    country: str
    category: str
    rail: str
    currency: str = "USD"

    @property
    def claim(self) -> PayeeClaim:
        """What an app says of the payee."""
        return PayeeClaim(self.name, (f"domain:{self.domain}",), None, self.country)


ATLAS: Final = Payee("Atlas Market Data", "api.atlas-data.example", "NL", "market_data", "x402")
ATLAS_ON_CHAIN: Final = replace(ATLAS, currency="USDC")
ATLAS_REPORTS: Final = Payee("Atlas Market Data", "api.atlas-data.example", "NL", "market_data", "card")
OPENAI: Final = Payee("OpenAI", "api.openai.com", "US", "ai_services", "card")
ANTHROPIC: Final = Payee("Anthropic", "api.anthropic.com", "US", "ai_services", "card")
REGISTRY: Final = Payee("Kontrast Company Registry", "registry.kontrast.example", "DE", "company_records", "card")
SIGNAL: Final = Payee("Signal & Noise Research", "reports.signal-noise.example", "GB", "reports", "card")
CARDS: Final = Payee("Instant Cards", "instant-cards.example", "CW", "gift_cards", "card")

KONTOR: Final = Payee("Kontor Office Supply", "kontor-supply.example", "DE", "office", "invoice")
BRIGHTLINE: Final = Payee("Brightline Cleaning", "brightline.example", "DE", "facilities", "invoice")
PARCELWISE: Final = Payee("Parcelwise", "parcelwise.example", "NL", "shipping", "invoice")
TESSERA: Final = Payee("Tessera Print", "tessera-print.example", "PL", "marketing", "invoice")
FOUNDRY: Final = Payee("Foundry Hardware", "foundry-hw.example", "DE", "hardware", "invoice")
AURELIA: Final = Payee("Aurelia Legal", "aurelia-legal.example", "DE", "legal", "bank", "EUR")
RHEINPARK: Final = Payee("Rheinpark Offices", "rheinpark.example", "DE", "rent", "bank", "EUR")
DICE: Final = Payee("Lucky Dice Vouchers", "shop.lucky-dice.example", "CW", "gift_cards", "invoice")

HETZNER: Final = Payee("Hetzner", "hetzner.com", "DE", "compute", "card")
SCALEWAY: Final = Payee("Scaleway", "scaleway.com", "FR", "compute", "card")
CLOUDFLARE: Final = Payee("Cloudflare", "cloudflare.com", "US", "domains", "card")
GITHUB: Final = Payee("GitHub", "github.com", "US", "software", "card")
NIMBUS: Final = Payee("Nimbus GPU Cloud", "nimbus-gpu.example", "US", "compute", "card")

KNOWN: Final = (ATLAS, OPENAI, ANTHROPIC, HETZNER, SCALEWAY, CLOUDFLARE, GITHUB, RHEINPARK)
"""Payees that were entered by hand before anybody was paid."""
MET: Final = (KONTOR, BRIGHTLINE, PARCELWISE, TESSERA, FOUNDRY, AURELIA, REGISTRY)
"""Payees that were verified after people had approved their first payment."""
TRUSTED: Final = (OPENAI, HETZNER)
PEGS: Final = {"USDC": "USD"}

COMPANIES: Final = (
    "Halvorsen Energy",
    "Nordlicht Wind",
    "Caldera Metals",
    "Ostara Batteries",
    "Rheinwerk Steel",
    "Solveig Shipping",
    "Pinecrest Foods",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One payment that an agent is going to ask for."""

    payee: Payee
    amount: Decimal
    purpose: str
    session: str
    context: tuple[tuple[str, str], ...] = ()

    def ask(self) -> Ask:
        """Return the wish as the API reads it."""
        return Ask(
            amount=self.amount,
            currency=self.payee.currency,
            payee=self.payee.claim,
            category=self.payee.category,
            rail=self.payee.rail,
            session=self.session,
            purpose=self.purpose,
            context=dict(self.context),
        )


def call_for(company: str, session: str, chance: Random) -> Wish:
    """Return one cheap call of a research run."""
    title, payee, least, most = chance.choices(
        (
            ("Energy quotes, one call", ATLAS, "0.02", "0.02"),
            ("Search in company filings", ATLAS, "0.12", "0.12"),
            ("News summary", ATLAS_ON_CHAIN, "0.35", "0.35"),
            ("Full filing with tables", ATLAS, "1.80", "1.80"),
            ("Extract of the register", REGISTRY, "4.50", "4.50"),
            ("Summary of the sources", OPENAI, "0.60", "6.40"),
            ("Draft of the brief", ANTHROPIC, "0.90", "8.20"),
        ),
        weights=(5, 6, 5, 3, 2, 4, 3),
    )[0]
    return Wish(
        payee, between(least, most, chance), f"{title} for the brief on {company}", session, (("company", company),)
    )


def report_for(company: str, session: str, chance: Random) -> Wish:
    """Return a report that people have to agree to."""
    payee, least, most = chance.choice(((SIGNAL, "45", "95"), (ATLAS_REPORTS, "64", "64"), (SIGNAL, "60", "118")))
    purpose = f"Competitor report for the brief on {company}"
    return Wish(payee, between(least, most, chance), purpose, session, (("company", company),))


def invoice(number: str, chance: Random) -> Wish:
    """Return an invoice as suppliers send them."""
    payee, least, most = chance.choices(
        (
            (KONTOR, "18", "160"),
            (BRIGHTLINE, "90", "240"),
            (PARCELWISE, "12", "80"),
            (TESSERA, "60", "320"),
            (FOUNDRY, "520", "1400"),
            (AURELIA, "480", "1900"),
        ),
        weights=(6, 4, 6, 4, 3, 1),
    )[0]
    return bill(payee, between(least, most, chance), number)


def bill(payee: Payee, amount: Decimal, number: str) -> Wish:
    """Return the payment of one invoice."""
    purpose = f"Invoice {number} of {payee.name}"
    return Wish(payee, amount, purpose, f"invoices-{number.partition('-')[0]}", (("invoice", number),))


def machine(day: str, chance: Random) -> Wish:
    """Return something that keeps the servers running."""
    choices: tuple[tuple[Payee, str, str, Callable[[], str]], ...] = (
        (HETZNER, "8", "60", lambda: f"Build machine ci-{chance.randint(1, 9)} for the week"),
        (SCALEWAY, "14", "48", lambda: "Object storage, top-up"),
        (CLOUDFLARE, "9", "24", lambda: f"Renew meridian-{chance.choice(['labs', 'data', 'mail'])}.example"),
        (GITHUB, "4", "84", lambda: f"{chance.randint(1, 4)} more seats"),
        (NIMBUS, "60", "140", lambda: "GPU hours for the embedding job"),
        (HETZNER, "160", "260", lambda: "Dedicated server for the data team"),
    )
    payee, least, most, purpose = chance.choices(choices, weights=(9, 4, 3, 4, 1, 1))[0]
    return Wish(payee, between(least, most, chance), purpose(), f"ops-{day}")


def between(least: str, most: str, chance: Random) -> Decimal:
    """Return an amount with cents."""
    low, high = Decimal(least), Decimal(most)
    cents = chance.randint(0, int((high - low) / CENT))
    return low + cents * CENT
