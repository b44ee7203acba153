"""The settings of writing: one table for command, file and page."""

from __future__ import annotations

from pydantic import Field

from unrolled.settings import Settings, unit


class SamplingSettings(Settings):
    """How the next symbol is drawn."""

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
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the draws.")
