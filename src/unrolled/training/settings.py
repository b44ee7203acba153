"""The settings of training: one table for command, file and page."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unrolled.settings import Settings, unit


class TrainingSettings(Settings):
    """How a network is trained."""

    steps: int = Field(
        2000, ge=1, le=1_000_000_000, description="Updates of the weights in all.", json_schema_extra=unit("updates")
    )
    batch: int = Field(
        32,
        ge=1,
        le=65_536,
        description="Streams (or examples of a task) read side by side.",
        json_schema_extra=unit("sequences"),
    )
    unroll: int = Field(
        64,
        ge=1,
        le=65_536,
        json_schema_extra=unit("symbols"),
        description="Symbols of each stream an update, over which errors flow back; the state is carried on.",
    )
    learning_rate: float = Field(0.002, gt=0, le=10, description="Adam's learning rate at its height.")
    schedule: Literal["cosine", "constant", "decay"] = Field(
        "cosine", description="How the learning rate falls: to nothing along a cosine, not at all, or by factors."
    )
    warmup: int = Field(
        100,
        ge=0,
        le=1_000_000_000,
        description="Updates in which the learning rate rises from zero.",
        json_schema_extra=unit("updates"),
    )
    decay_every: int = Field(
        2000,
        ge=1,
        le=1_000_000_000,
        description="With the schedule `decay`: updates between two factors.",
        json_schema_extra=unit("updates"),
    )
    decay_factor: float = Field(
        0.5, gt=0, le=1, description="With the schedule `decay`: what the learning rate is multiplied by."
    )
    weight_decay: float = Field(0.0, ge=0, le=10, description="Decay of the weights, apart from Adam's step (AdamW).")
    gradient_clip: float = Field(
        1.0,
        ge=0,
        description="Largest norm of the whole gradient; 0 leaves it as it is.",
    )
    loss_on: Literal["all", "knowable"] = Field(
        "all", description="Of a task: learn every symbol, or only those that can be known from what came before."
    )
    validate_every: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="Updates between two looks at the validation part; 0 takes a sixteenth of `steps`.",
        json_schema_extra=unit("updates"),
    )
    validation: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of a text, at its end, held out to choose the best checkpoint.",
        json_schema_extra=unit("share"),
    )
    test: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of a text, after the validation part, that training never sees.",
        json_schema_extra=unit("share"),
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of everything random.")
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="Processor threads; 0 takes what PyTorch takes. Resuming needs the same number.",
        json_schema_extra=unit("threads"),
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU if there is one."
    )
    engine: str = Field("auto", description="Which engine runs the cells; auto takes the fastest that can.")
