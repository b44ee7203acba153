"""The settings of a network: one table for command, file and page."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from unrolled.errors import SettingsError
from unrolled.settings import Settings, unit

FORGETS = ("lstm", "peephole", "coupled", "no-input-gate")
"""Cells with a forget gate."""


class NetworkSettings(Settings):
    """What a network is made of."""

    cell: Literal["lstm", "gru", "rnn", "peephole", "coupled", "no-input-gate", "feedforward"] = Field(
        "lstm", description="The recurrent cell."
    )
    activation: Literal["tanh", "sigmoid", "relu"] = Field(
        "tanh", description="What the rnn and feedforward cells apply to their sum; the others have their own."
    )
    layers: int = Field(1, ge=1, le=64, description="Layers, one upon the other.", json_schema_extra=unit("layers"))
    hidden: int = Field(128, ge=1, le=65_536, description="Neurons of each layer.", json_schema_extra=unit("neurons"))
    embedding: int = Field(
        0,
        ge=0,
        le=65_536,
        description="Size of a learned embedding; 0 gives one-hot symbols.",
        json_schema_extra=unit("numbers"),
    )
    dropout: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Share of each layer's outputs dropped while training.",
        json_schema_extra=unit("share"),
    )
    recurrent_dropout: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Share of the recurrent weights dropped at each update (DropConnect).",
        json_schema_extra=unit("share"),
    )
    forget_bias: float = Field(
        1.0,
        ge=-100,
        le=100,
        description="What the forget gate's bias starts at, where there is one: higher remembers longer.",
    )

    @model_validator(mode="after")
    def _activation_has_a_place(self) -> Self:
        if self.activation != "tanh" and self.cell not in {"rnn", "feedforward"}:
            raise SettingsError(
                f"activation cannot be {self.activation!r} with the cell {self.cell}: it is for rnn and feedforward.",
                "Leave it out.",
            )
        return self

    @model_validator(mode="after")
    def _forget_bias_has_a_place(self) -> Self:
        if self.forget_bias != 1.0 and self.cell not in FORGETS:
            raise SettingsError(
                f"forget_bias cannot be {self.forget_bias!r} with the cell {self.cell}, which has no forget gate: "
                f"it is for {', '.join(FORGETS)}.",
                "Leave it out.",
            )
        return self
