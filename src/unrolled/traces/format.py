"""The words of `unrolled-trace/1`: sizes, and the attributes of the group. See docs/reference/trace-format.md."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from unrolled.cells import Cell
from unrolled.formats import TRACE_FORMAT

CHUNK = 1024
"""Steps of a signal in one chunk."""
SHARD = 16_384
"""Steps of a signal in one shard file; also of `symbols` and `loss` in one chunk."""
COLUMNS = 32
"""Neurons in one chunk."""
PREDICTION_CHUNK = 4096
ZOOM = (64, 1024, 16_384)
"""Steps in one block of each zoom level."""
ZOOM_CHUNK = 256
"""Blocks in one chunk of a zoom level."""
FRAMES_BYTES = 2**19
"""Of the pictures in one chunk of `frames`, about; one picture may be larger."""

SITE_NAME = r"^[^./\\\x00-\x1f]+(\.[^./\\\x00-\x1f]+)*$"
"""Dotted, and safe as the name of a folder."""

Dtype: TypeAlias = Literal["float32", "float16"]
DTYPES: tuple[Dtype, ...] = ("float32", "float16")
SymbolKind: TypeAlias = Literal["characters", "bytes", "tokens", "none"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class SignalInfo(_Part):
    """One signal of a site; `range` bounds its values (None: unbounded)."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    symbol: str
    role: Literal["gate", "candidate", "state"]
    range: tuple[float | None, float | None]
    article: str = ""
    neurons: int = Field(ge=1)

    def stored_as(self, dtype: Dtype) -> Dtype:
        """The type on the disk: what has no bounds loses whole units in float16, so it stays float32."""
        return "float32" if None in self.range else dtype


class SiteInfo(_Part):
    """One layer (and direction) whose signals were recorded."""

    name: str = Field(pattern=SITE_NAME)
    cell: str
    layer: int = 0
    direction: Literal["forward", "reverse"] = "forward"
    neurons: int = Field(ge=1)
    inputs: int = Field(ge=1)
    signals: tuple[SignalInfo, ...] = Field(min_length=1)
    equations: tuple[str, ...] = ()

    @property
    def main_signal(self) -> str:
        """What a neuron without a signal means: `cell` where it was recorded, else `hidden`, else the first."""
        names = [signal.name for signal in self.signals]
        return next((name for name in ("cell", "hidden") if name in names), names[0])

    def signal(self, name: str) -> SignalInfo:
        """The signal of that name; KeyError where it was not recorded."""
        return {signal.name: signal for signal in self.signals}[name]


class SymbolsInfo(_Part):
    """What the numbers in `symbols` stand for."""

    kind: SymbolKind
    vocabulary: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _symbols_have_names(self) -> Self:
        if self.kind != "none" and not self.vocabulary:
            raise ValueError(f"a vocabulary of {self.kind} is empty")
        return self


class FramesInfo(_Part):
    """Size of the pictures that the network saw, in pixels."""

    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)


class PredictionsInfo(_Part):
    top: int = Field(ge=1)


class ZoomInfo(_Part):
    blocks: tuple[int, ...] = ZOOM


class Telling(_Part):
    """The neuron that a small picture of the trace shows."""

    site: str
    signal: str
    neuron: int


class TraceInfo(_Part):
    """The attributes of the group. A trace is whole when `complete_steps` equals `planned_steps`."""

    format: Literal["unrolled-trace/1"] = TRACE_FORMAT
    title: str = ""
    complete_steps: int = Field(default=0, ge=0)
    planned_steps: int = Field(ge=1)
    created: str = ""
    symbols: SymbolsInfo = SymbolsInfo(kind="none")
    sites: tuple[SiteInfo, ...] = Field(min_length=1)
    frames: FramesInfo | None = None
    predictions: PredictionsInfo | None = None
    zoom: ZoomInfo = ZoomInfo()
    telling: Telling | None = None
    nats_per_symbol: float | None = None
    model: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    source: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    code: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])

    @model_validator(mode="before")
    @classmethod
    def _planned_by_default(cls, data: object) -> object:
        """A trace of another writer may have no `planned_steps`: then it is as long as it is complete."""
        if isinstance(data, dict) and "planned_steps" not in data and "complete_steps" in data:
            return {**data, "planned_steps": data["complete_steps"]}  # pyright: ignore[reportUnknownVariableType]
        return data  # pyright: ignore[reportUnknownVariableType]

    @property
    def whole(self) -> bool:
        return self.complete_steps == self.planned_steps

    def site(self, name: str) -> SiteInfo:
        """The site of that name; KeyError where there is none."""
        return {site.name: site for site in self.sites}[name]


def describe_site(
    name: str,
    cell: Cell,
    *,
    neurons: int,
    inputs: int,
    layer: int = 0,
    reverse: bool = False,
    projection: int = 0,
    signals: tuple[str, ...] | None = None,
) -> SiteInfo:
    """What a site's entry in the attributes says of a layer of `cell`; `signals` None means all."""
    sizes = cell.state_sizes(neurons, projection)
    described: list[SignalInfo] = []
    for signal in cell.signals:
        if signals is not None and signal.name not in signals:
            continue
        projected = bool(projection) and signal.name == "hidden"
        described.append(
            SignalInfo(
                name=signal.name,
                symbol=signal.symbol,
                role=signal.role,
                range=(None, None) if projected else (signal.low, signal.high),
                article=signal.article,
                neurons=sizes.get(signal.name, neurons),
            )
        )
    return SiteInfo(
        name=name,
        cell=cell.name,
        layer=layer,
        direction="reverse" if reverse else "forward",
        neurons=neurons,
        inputs=inputs,
        signals=tuple(described),
        equations=cell.equations,
    )
