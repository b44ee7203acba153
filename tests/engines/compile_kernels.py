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


def machine_code(kernel: Any, numbers: str, options: dict[str, Any], architecture: int) -> Any:
    """Compiles a kernel whose products are of the given type; arguments in capitals are `options`."""
    signature: dict[str, str] = {}
    aligned: dict[tuple[int, ...], list[list[Any]]] = {}
    for place, name in enumerate(kernel.arg_names):
        of_stack = name in {"weight_hh", "weight_ch", "hidden", "reset", "update", "candidate"}
        whole = name in {"first", "last", "count", "steps", "size", "batch", "neurons"} and not (
            name == "last" and kernel is kernels.lstm_scan
        )
        signature[name] = "constexpr" if name.isupper() else "i32" if whole else numbers if of_stack else "*fp32"
        if signature[name].startswith("*") or name in {"batch", "neurons", "size"}:
            aligned[place,] = [["tt.divisibility", 16]]
    sizes = {name: value for name, value in options.items() if name.isupper()}
    source = ASTSource(kernel, signature, sizes, aligned)
    launched = {name: value for name, value in options.items() if not name.isupper()}
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=launched)


def forms() -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Each kernel as `launch.py` starts it, for one neuron and for many."""
    for neurons, numbers in product((1, launch.AT_HAND, launch.ONE_PROGRAM, 512), ("*fp32", "*bf16")):
        tiles, peephole = launch.divide(1, neurons), neurons > 1
        yield kernels.lstm_steps, numbers, {**tiles.forward, "PEEPHOLE": peephole}
        yield kernels.lstm_steps_back, numbers, {**tiles.back, "PEEPHOLE": peephole, "FROM_CELL": peephole}
    yield kernels.lstm_scan, "*fp32", {"TINY": 1e-38, "WIDTH": launch.SCAN, "num_warps": 4}
    for numbers in ("*fp32", "*bf16"):
        yield kernels.gru_gates, numbers, {"WIDTH": launch.FLAT, "num_warps": 4}


def compile_all() -> None:
    for kernel, numbers, options in forms():
        for architecture in (AMPERE, HOPPER):
            compiled = machine_code(kernel, numbers, options, architecture)
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
