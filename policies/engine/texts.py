"""YAML and JSON as they are read and written here: plain data, nothing that a reader of the file would not expect.

Words are what they look like: `NO` is a text and no `false`, `09:30` no number of seconds, amounts keep their digits.
Aliases, anchors and tags are refused, a key stands once, and what is too large or too deep is refused before it costs
anything; every refusal names the path.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml

from core.errors import Invalid
from policies.engine.values import below

LARGEST_TEXT_BYTES: Final = 1_048_576
"""As much as the API takes in one body: some thousands of policies."""
DEEPEST: Final = 20
"""No part of a policy lies deeper than half of it."""
MOST_NODES: Final = 200_000
"""A text of the largest size that is written by people has a tenth of them."""
WHOLE: Final = "file"
"""The path of the whole text in errors."""

INTEGER: Final = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
DECIMAL: Final = re.compile(r"-?\d{1,20}\.\d{1,20}", re.ASCII)
WORDS: Final[dict[str, object]] = {"": None, "null": None, "~": None, "true": True, "false": False}
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The scanner in C where there is one: a megabyte takes it a tenth of a second."""


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is being read."""

    path: str
    members: Any
    key: str | None = None
    keys: set[str] = field(default_factory=set)


def read_text(text: bytes) -> object:
    """Return the plain data in JSON or YAML; raises `Invalid` with the path and the line of what cannot be read."""
    if len(text) > LARGEST_TEXT_BYTES:
        raise Invalid("too_large", f"May have at most {LARGEST_TEXT_BYTES} bytes.", field=WHOLE)
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise Invalid("text_invalid", "Must be UTF-8.", field=WHOLE) from None
    return read_json(decoded) if decoded.lstrip().startswith(("{", "[")) else read_yaml(decoded)


def read_json(text: str) -> object:
    """Return the plain data in JSON; amounts keep their digits, a key stands once."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except ValueError as error:
        raise Invalid("json_invalid", f"Cannot be read as JSON: {error}.", field=WHOLE) from None
    except RecursionError:
        raise Invalid("too_deep", f"May be at most {DEEPEST} levels deep.", field=WHOLE) from None


def read_yaml(text: str) -> object:
    """Return the plain data in YAML."""
    try:
        return _Reader().read(yaml.parse(text, Loader=LOADER))
    except yaml.YAMLError as error:
        raise Invalid("yaml_invalid", _in_words(error), field=WHOLE) from None


def write_yaml(value: object) -> str:
    """Return plain data as YAML, in its own order; texts that could be read as something else are quoted."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False))


class _Reader:
    """Builds plain data from the events of a parser."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.nodes = 0
        self.documents = 0
        self.result: object = None

    def read(self, events: Iterator[Any]) -> object:
        """Return the one document."""
        for event in events:
            self._take(event)
        return self.result

    def _take(self, event: Any) -> None:
        match event:
            case yaml.AliasEvent():
                self._refuse(event, "alias_refused", "Aliases are not read: write it out.")
            case yaml.ScalarEvent():
                self._look_at(event)
                self._put(event, _plain(event))
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.stack.pop()
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._refuse(event, "documents_many", "Must be one document.")
            case _:
                pass

    def _open(self, event: Any, members: Any) -> None:
        self._look_at(event)
        if len(self.stack) >= DEEPEST:
            self._refuse(event, "too_deep", f"May be at most {DEEPEST} levels deep.")
        path = self._path()
        self._put(event, members)
        self.stack.append(_Open(path, members))

    def _look_at(self, event: Any) -> None:
        """Refuse what no policy needs, and count."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            self._refuse(event, "too_many", f"May have at most {MOST_NODES} values.")
        if event.anchor is not None:
            self._refuse(event, "alias_refused", "Anchors are not read: write it out.")
        if event.tag is not None:
            self._refuse(event, "tag_refused", "Tags are not read.")

    def _put(self, event: Any, value: object) -> None:
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        if isinstance(top.members, list):
            top.members.append(value)
        elif top.key is None:
            self._name(event, top)
        else:
            top.members[top.key] = value
            top.key = None

    def _name(self, event: Any, top: _Open) -> None:
        """Take the key of a mapping's next value."""
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "key_invalid", "A key is a text.")
        if event.value in top.keys:
            self._refuse(event, "key_repeated", f"The key {event.value[:60]} stands twice.")
        top.keys.add(event.value)
        top.key = event.value

    def _path(self) -> str:
        if not self.stack:
            return ""
        top = self.stack[-1]
        if isinstance(top.members, list):
            return f"{top.path}[{len(top.members)}]"
        return (below(top.path, top.key) if top.path else str(top.key)) if top.key is not None else top.path

    def _refuse(self, event: Any, code: str, detail: str) -> None:
        raise Invalid(code, f"{detail} (line {event.start_mark.line + 1})", field=self._path() or WHOLE)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise Invalid("key_repeated", f"The key {key[:60]} stands twice.", field=WHOLE)
        found[key] = value
    return found


def _refuse_constant(name: str) -> object:
    raise Invalid("json_invalid", f"{name} is no number.", field=WHOLE)


def _plain(event: Any) -> object:
    """Return what a scalar stands for; only a plain one can be anything but a text."""
    text: str = event.value
    if event.style:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if DECIMAL.fullmatch(text) else text


def _in_words(error: yaml.YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return f"Cannot be read as YAML: {problem or 'unknown character'}{where}."
