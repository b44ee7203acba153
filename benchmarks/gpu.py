"""On a GPU: recording every signal, and peephole LSTMs, beside plain nn.LSTM on cuDNN, which records nothing.

Forward passes in one process, in turns (A B A B …), each waited for; the same weights and inputs for all; medians of
the rounds, as ratios to nn.LSTM in the same rounds. Before anything is timed its numbers are compared. nn.LSTM runs as
its users run it: in float32 with the TensorFloat-32 that cuDNN takes by default, where ours record in full float32; in
bfloat16 through what PyTorch takes in the place of cuDNN. The first layer reads as many numbers as it has neurons, with
10 neurons 8. Where there is no GPU it says so and ends with 2.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from common import Report, arguments, say
from peers import LOOP, Loop
from recording import ms, peephole, told
from torch import Tensor, nn

from unrolled.engines import Engine, Result
from unrolled.engines.gpu.engine import GpuEngine
from unrolled.engines.reference import ReferenceEngine
from unrolled.engines.torch import TorchEngine, full_float32
from unrolled.racing import Shape, race, random_inputs, recorder, stack_of

ROWS = (
    Shape(1, 10, 64, 200, 8),
    Shape(2, 128, 32, 200, 128),
    Shape(3, 512, 16, 200, 512),
    Shape(3, 512, 64, 500, 512),
    Shape(2, 1024, 64, 500, 1024),
)
NEAR = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""How far two ways of computing a signal may be apart, as a share of its largest value where that is above 1."""
PLAIN, TORCH, SCAN, ONE_PASS, PEEPHOLE = "nn.LSTM", "`torch`", "cuDNN and scan", "one pass", "peephole"
PLAIN_BACK, PEEPHOLE_BACK = "nn.LSTM there and back", "peephole there and back"
RATIOS = (TORCH, SCAN, ONE_PASS, PEEPHOLE, LOOP)


class Contest:
    """One size and type: the networks, and the ways to run them.

    Args:
        engines: `TORCH`, `SCAN` and `ONE_PASS`, each with an engine.
    """

    def __init__(self, shape: Shape, dtype: torch.dtype, device: str, engines: Mapping[str, Engine]) -> None:
        torch.manual_seed(0)
        self.lstm = nn.LSTM(shape.inputs, shape.neurons, shape.layers).to(device, dtype)
        self.stack, self.with_peepholes = stack_of("lstm", self.lstm), peephole(self.lstm)
        self.loop = Loop(self.lstm).to(device, dtype)
        self.x = random_inputs(shape).to(device, dtype)
        self.engines, self.near = engines, NEAR[dtype]

    def check(self) -> float:
        """The largest difference from the reference, as a share of what is allowed.

        Raises:
            SystemExit: some compute something else: there is nothing to race.
        """
        worst = 0.0
        with torch.inference_mode(), full_float32():
            for what, value, wanted in self._compared():
                share = float((value - wanted).abs().max() / wanted.abs().max().clamp_min(1.0)) / self.near
                if not share <= 1:
                    raise SystemExit(
                        f"{what} is {share * self.near:.1e} from the reference: it does not compute the same."
                    )
                worst = max(worst, share)
        return worst

    def _compared(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """What is compared, with the reference's; one after the other, for all together is much memory."""
        right = self._record(ReferenceEngine(), self.stack)
        yield PLAIN, self.lstm(self.x)[0], right.outputs
        yield LOOP, self.loop(self.x)[0], right.outputs
        for name, engine in self.engines.items():
            yield from _pairs(name, self._record(engine, self.stack), right)
        right = self._record(ReferenceEngine(), self.with_peepholes)
        yield from _pairs(PEEPHOLE, self._record(self.engines[SCAN], self.with_peepholes), right)

    def contestants(self) -> dict[str, Callable[[], object]]:
        @torch.inference_mode()
        def plain() -> object:
            return self.lstm(self.x)

        @torch.inference_mode()
        def loop() -> object:
            return self.loop(self.x)

        def plain_back() -> object:
            return _back(self.lstm(self.x)[0], self.lstm.parameters())

        weights = [value for layer in self.with_peepholes.layers for value in layer.parameters.values()]

        def peephole_back() -> object:
            return _back(self.engines[SCAN].run(self.with_peepholes, self.x).outputs, weights)

        found: dict[str, Callable[[], object]] = {PLAIN: plain, LOOP: loop, PLAIN_BACK: plain_back}
        for name, engine in self.engines.items():
            found[name] = recorder(engine, self.stack, self.x)
        found[PEEPHOLE] = recorder(self.engines[SCAN], self.with_peepholes, self.x)
        found[PEEPHOLE_BACK] = peephole_back
        return {name: waited_for(run) for name, run in found.items()}

    def _record(self, engine: Engine, stack: Any) -> Result:
        return engine.run(stack, self.x, record=[signal.name for signal in stack.cell.signals])


def _pairs(who: str, ours: Result, right: Result) -> Iterator[tuple[str, Tensor, Tensor]]:
    for layer, signals in right.signals.items():
        for name, value in signals.items():
            yield f"{who}: {layer}.{name}", ours.signals[layer][name], value


def _back(outputs: Tensor, weights: Any) -> object:
    return torch.autograd.grad(outputs.sum(), list(weights))


def waited_for(run: Callable[[], object]) -> Callable[[], object]:
    """A GPU is only told what to do; the time is that until it has done it."""
    if not torch.cuda.is_available():
        return run

    def wait() -> object:
        done = run()
        torch.cuda.synchronize()
        return done

    return wait


def measure(
    result: Report, shapes: Sequence[Shape], device: str, engines: Mapping[str, Engine], seconds: float
) -> None:
    rows: list[list[str]] = []
    for shape in shapes:
        for dtype in NEAR:
            kind = str(dtype).removeprefix("torch.")
            say(f"{shape}, {kind}: do all compute the same? …")
            contest = Contest(shape, dtype, device, engines)
            share = contest.check()
            say(f"{shape}, {kind}: the race …")
            times = race(contest.contestants(), seconds=seconds)
            base, back = times[PLAIN], times[PLAIN_BACK]
            ratios = [told(times[name], base) for name in RATIOS]
            rows.append([str(shape), kind, ms(base), *ratios, ms(back), told(times[PEEPHOLE_BACK], back)])
            result.numbers[f"{shape}, {kind}"] = {
                "milliseconds": {name: value.median * 1e3 for name, value in times.items()},
                "rounds": len(base.seconds),
                "difference_of_allowed": share,
            }
    result.table(
        "Layers × neurons, batch, steps. Every signal recorded, as a ratio to nn.LSTM, which keeps none: by the engine "
        "`torch`; by the two ways of the engine `gpu` (it takes cuDNN and scan in float32, one pass in bfloat16); by "
        "it of a peephole LSTM; and by the loop. The last column is a ratio to the one before it.",
        ["shape", "type", PLAIN, *RATIOS, PLAIN_BACK, PEEPHOLE_BACK],
        rows,
    )


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each row (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=len(ROWS), help="only so many of the sizes")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        say("There is no GPU here that PyTorch can use: nothing was measured.")
        return 2
    why_not = GpuEngine().why_not(stack_of("lstm", nn.LSTM(1, 1).cuda()), recording=True, editing=False)
    if why_not:
        say(f"The engine 'gpu' cannot run here: {why_not}. Nothing was measured.")
        return 2
    name, cudnn = torch.cuda.get_device_name(), torch.backends.cudnn.version()
    result = Report(f"On a GPU: {name}, CUDA {torch.version.cuda}, cuDNN {cudnn}", packages=("triton",))
    engines = {TORCH: TorchEngine(), SCAN: GpuEngine(one_pass=False), ONE_PASS: GpuEngine(one_pass=True)}
    measure(result, ROWS[: given.rows], "cuda", engines, given.seconds)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
