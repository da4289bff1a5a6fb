"""Plain values, as YAML holds them, checked and made into dataclasses."""

import dataclasses
import difflib
import math
import types
import typing
from pathlib import Path
from typing import Literal

import yaml

from ae_zoo.errors import RecipeError

LARGEST = 2**31 - 1  # of every whole number: all libraries take such seeds and steps
DEEPEST = 16  # lists and mappings inside each other


def read_yaml(path: Path) -> dict:
    """The mapping that a YAML file holds.

    Raises:
        RecipeError: the file is not UTF-8, not YAML, nested too deeply, not a mapping,
            or uses aliases, by which a few lines stand for any number of values.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not text in UTF-8: save it as such.") from error
    try:
        if (objection := _objection(text)) is None:
            content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date, a long number
        reason = str(error).replace("\n", " ")
        raise RecipeError(f"{path} is not valid YAML: {reason}") from error
    if objection is not None:
        raise RecipeError(f"{path} {objection}")
    if not isinstance(content, dict):
        raise RecipeError(f"{path} holds no mapping of keys to values.")
    return content


def _objection(text: str) -> str | None:
    """Describes YAML constructs that could take all memory; None without them."""
    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, yaml.AliasEvent):
            return "has a YAML alias (*name): write the value out."
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return "has too many brackets inside each other: a recipe needs few."
    return None


def check_values(value, key: str = "", depth: int = 0) -> None:
    """Refuses numbers and nesting that no recipe needs.

    Args:
        value: plain values.
        key: where they stand in the recipe.
        depth: lists and mappings around them.

    Raises:
        RecipeError: a number is not finite or too large, or the nesting too deep.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{key} must be a finite number, not {value}.")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise RecipeError(f"{key} must be at most {LARGEST}.")
    if not isinstance(value, (dict, list, tuple)):
        return
    if depth == DEEPEST:
        raise RecipeError(f"{key} has too many brackets inside each other.")
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in items:
        check_values(item, f"{key}.{name}" if key else str(name), depth + 1)


def override(content: dict, key: str, value) -> None:
    """Sets the value at a dotted key; RecipeError where a parent is a value."""
    *parents, last = key.split(".")
    for parent in parents:
        if content.get(parent) is None:
            content[parent] = {}
        content = content[parent]
        if not isinstance(content, dict):
            raise RecipeError(f"{key!r} cannot be set: {parent!r} is a value.")
    content[last] = value


def parse(cls, content, prefix: str = ""):
    """Builds the dataclass `cls` from plain values; a RecipeError names the key."""
    if not isinstance(content, dict):
        raise RecipeError(f"{prefix[:-1]!r} must hold keys, not {content!r}.")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in content:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = (
                f"did you mean {prefix}{near[0]}?"
                if near
                else (f"known are {', '.join(fields)}.")
            )
            raise RecipeError(f"Unknown key {prefix}{key}; {hint}")
    missing = [
        f.name
        for f in fields.values()
        if f.name not in content
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"Missing key {prefix}{missing[0]}.")
    values = {
        key: _convert(fields[key].type, value, prefix + key)
        for key, value in content.items()
    }
    return cls(**values)


def _convert(kind, value, key: str):
    """`value` as the field's type, or a RecipeError that names the types that fit."""
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    nested = [k for k in kinds if dataclasses.is_dataclass(k)]
    if nested and not (value is None and types.NoneType in kinds):
        section = {} if value is None else value  # a heading with nothing below
        return parse(nested[0], section, f"{key}.")
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            choices = ", ".join(typing.get_args(kind))
            raise RecipeError(f"{key} must be one of {choices}, not {value!r}.")
        return value
    if float in kinds and type(value) is int:
        return float(value)
    plain = [typing.get_origin(k) or k for k in kinds]
    if isinstance(value, bool) and bool not in plain:
        fits = False
    else:
        fits = isinstance(value, tuple(plain))
    if not fits:
        wanted = " or ".join(k.__name__ for k in plain if k is not types.NoneType)
        hint = " (write 1.0e-3, with a point)" if float in kinds else ""
        raise RecipeError(f"{key} must be {wanted}, not {value!r}{hint}.")
    return value
