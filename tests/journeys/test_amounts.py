"""Amounts of every length can be read at every width: no figure of a check is broken in two."""

from typing import Final

import pytest

from core.clock import now as clock_now
from core.ids import Prefix, to_public
from tests.approvals.world import ask, make_world
from tests.journeys.conftest import WITH_SCRIPTS, OpenFor

pytestmark = pytest.mark.journey

LARGEST: Final = "99999999999999.999999"
WIDTHS: Final = (360, 768, 1280, 1920)
BROKEN: Final = """() => [...document.querySelectorAll(".room .money")].flatMap((money) => {
  const text = [...money.childNodes].find((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
  const range = document.createRange();
  range.selectNodeContents(text);
  const lines = new Set([...range.getClientRects()].filter((one) => one.width > 1).map((one) => Math.round(one.top)));
  return lines.size > 1 ? [text.data] : [];
})"""
OUTSIDE: Final = """() => [...document.querySelectorAll(".room dd")].flatMap((one) =>
  one.scrollWidth > one.clientWidth ? [one.textContent.trim()] : [])"""


@WITH_SCRIPTS
def test_no_figure_of_a_check_is_broken(open_for: OpenFor) -> None:
    limits = {one: {"USD": LARGEST} for one in ("daily", "total")}
    world = make_world({"key": "limits", "type": "SPEND_LIMIT", **limits}, now=clock_now())
    asked = ask(world, "1.000001", now=clock_now())
    window = open_for(world.cast.vera)
    agent, payment = (
        to_public(Prefix.AGENT, world.agent.id),
        to_public(Prefix.AUTHORIZATION, asked.answer.id),
    )
    for path in (
        f"/simulator/?agent={agent}&amount={LARGEST}&currency=USD&payee=api.openai.com",
        f"/authorizations/{payment}/",
    ):
        window.open(path)
        assert window.page.locator(".room").count() == 2
        for width in WIDTHS:
            window.page.set_viewport_size({"width": width, "height": 800})
            assert window.page.evaluate(BROKEN) == [], f"{path} at {width}"
            assert window.page.evaluate(OUTSIDE) == [], f"{path} at {width}"
