"""The claims of the article that can be measured, each with what it says in our words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Claim:
    """name: what recipes call it. experiment: which recipe judges it. text: what the article says, in our words."""

    name: str
    experiment: str
    text: str


@cache
def read_claims() -> Mapping[str, Claim]:
    """Every claim by its name, in the order of the article; from `claims.toml` beside this file."""
    document = tomllib.loads(files("unrolled.experiments").joinpath("claims.toml").read_text("utf-8"))
    return {
        name: Claim(name, experiment, text) for experiment, claims in document.items() for name, text in claims.items()
    }
