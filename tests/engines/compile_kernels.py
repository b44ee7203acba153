"""Compiles every form of the Triton kernels for GPUs that need not be there: for test_gpu.py, in its own process."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from unrolled.engines.gpu import kernels, launch

AMPERE, HOPPER = 80, 90
SHARED = 100 * 1024
"""Bytes of shared memory that a program may take on the smallest of such GPUs."""
OF_STACK = {"weight_hh", "weight_ch", "hidden", "reset", "update", "candidate"}
"""Arguments of the stack's own type; the other tensors are of float32."""


def machine_code(kernel: Any, numbers: str, options: dict[str, Any], architecture: int, *, one: bool) -> Any:
    """Compiles a kernel for a type of numbers.

    Args:
        options: the arguments in capitals, and how it is launched.
        one: whether sizes are 1, which Triton takes for a constant; else they divide by 16, and so do addresses.
    """
    constants = {name: value for name, value in options.items() if name.isupper()}
    signature: dict[str, str] = {}
    aligned: dict[tuple[int, ...], list[list[Any]]] = {}
    for place, name in enumerate(kernel.arg_names):
        number = name in {"first", "count", "steps", "size", "batch", "neurons"} or (
            name == "last" and kernel is kernels.lstm_steps_back
        )
        size = name in {"size", "batch", "neurons", "steps"}
        if size and one:
            constants[name] = 1
        signature[name] = (
            "constexpr" if name in constants else "i32" if number else numbers if name in OF_STACK else "*fp32"
        )
        if not one and (size or not number) and name not in constants:
            aligned[place,] = [["tt.divisibility", 16]]
    launched = {name: value for name, value in options.items() if not name.isupper()}
    source = ASTSource(kernel, signature, constants, aligned)
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=launched)


def forms() -> Iterator[tuple[Any, str, dict[str, Any], bool]]:
    """Each kernel as `launch.py` starts it, for one neuron and for many."""
    for neurons, numbers in product((1, launch.AT_HAND, launch.ONE_PROGRAM, 512), ("*fp32", "*bf16")):
        tiles, peephole = launch.divide(1, neurons), neurons > 1
        yield kernels.lstm_steps, numbers, {**tiles.forward, "PEEPHOLE": peephole}, neurons == 1
        back = {**tiles.back, "PEEPHOLE": peephole, "FROM_CELL": peephole}
        yield kernels.lstm_steps_back, numbers, back, neurons == 1
    for one in (False, True):
        yield kernels.lstm_scan, "*fp32", {"TINY": 1e-38, "WIDTH": launch.SCAN, "num_warps": 4}, one
        for numbers in ("*fp32", "*bf16"):
            yield kernels.gru_gates, numbers, {"WIDTH": launch.FLAT, "num_warps": 4}, one


def compile_all() -> None:
    for kernel, numbers, options, one in forms():
        for architecture in (AMPERE, HOPPER) if options.get("COLUMNS", 0) in {0, launch.ONE_PROGRAM} else (HOPPER,):
            compiled = machine_code(kernel, numbers, options, architecture, one=one)
            assert compiled.asm["cubin"], kernel
            assert compiled.metadata.shared <= SHARED, (kernel, options, compiled.metadata.shared)
            text = compiled.asm["ptx"]
            assert "tf32" not in text, "float32 is not to be rounded to TensorFloat-32"
            if "DEPTH" in options:
                assert ("mma" in text) == (numbers == "*bf16"), "bfloat16 goes through the matrix units, and it alone"
                assert "bar.sync" in text


if __name__ == "__main__":
    compile_all()
    print("all kernels compiled")
