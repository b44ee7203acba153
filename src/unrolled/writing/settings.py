"""The settings of writing: one table for command, file and page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unrolled.settings import Settings, unit


class SamplingSettings(Settings):
    """How the next symbol is drawn, and where the text ends."""

    length: int = Field(500, ge=1, le=1_000_000_000, description="Symbols to write.", json_schema_extra=unit("symbols"))
    temperature: float = Field(
        1.0,
        ge=0.0,
        le=100.0,
        description="Below 1 keeps to the likely, above 1 dares more; 0 always takes the likeliest.",
    )
    top_k: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Draw from the K likeliest symbols alone; 0 from all.",
        json_schema_extra=unit("symbols"),
    )
    top_p: float = Field(
        1.0, gt=0.0, le=1.0, description="Draw from the likeliest symbols that together have this probability."
    )
    stop: str = Field("", description="End where this has been written; the text ends with it.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the draws.")


class CompletionSettings(Settings):
    """Which continuations are looked for, and how widely."""

    until: Literal["token", "line"] = Field("token", description="How far a continuation goes: to the end of what.")
    top: int = Field(10, ge=1, le=1000, description="Continuations to give, the likeliest first.")
    beam: int = Field(32, ge=1, le=4096, description="Unfinished continuations that are kept at each step.")
    length: int = Field(
        100,
        ge=1,
        le=10_000,
        description="What is not over after so many symbols is given as it is, marked as cut.",
        json_schema_extra=unit("symbols"),
    )


class EditorSettings(CompletionSettings):
    """What an editor is offered."""

    context: int = Field(
        10_000,
        ge=2,
        le=10_000_000,
        description="Characters before the cursor that are read: the last half of so many at least, all at most.",
        json_schema_extra=unit("characters"),
    )
