"""What a browser sends of a page, read out of its HTML."""

from html.parser import HTMLParser

from django.http import QueryDict

from policies.forms import RuleForm


class Controls(HTMLParser):
    """What a browser would send of a page, as it stands."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent = QueryDict(mutable=True)
        self.area: str | None = None
        self.text = ""
        self.select: str | None = None
        self.chosen: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name, value = found.get("name") or "", found.get("value") or ""
        if tag == "input" and (found.get("type") not in ("checkbox", "radio") or "checked" in found):
            self.sent.appendlist(name, value if "value" in found or found.get("type") != "checkbox" else "on")
        elif tag == "textarea":
            self.area, self.text = name, ""
        elif tag == "select":
            self.select, self.chosen = name, []
        elif tag == "option" and ("selected" in found or not self.chosen):
            self.chosen = [value]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.area:
            self.sent.appendlist(self.area, self.text.removeprefix("\n"))
            self.area = None
        elif tag == "select" and self.select:
            self.sent.setlist(self.select, self.chosen)
            self.select = None


def shown(form: RuleForm) -> QueryDict:
    """What a browser sends back of a form in which nobody changed anything."""
    return Controls("".join(str(bound) for section in form.sections() for bound in section.fields)).sent
