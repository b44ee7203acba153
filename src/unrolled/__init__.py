"""See what a recurrent network remembers, forgets and pays attention to, step by step and neuron by neuron.

    import unrolled
    trace = unrolled.trace(model, inputs)   # any torch module that holds nn.RNN, nn.LSTM or nn.GRU
    trace["lstm.l0.forget_gate"]            # array, steps × neurons
    unrolled.explore(trace)                 # the page

Names are imported when they are first used, so that `import unrolled` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from unrolled.errors import UnrolledError
from unrolled.version import __version__

if TYPE_CHECKING:
    from unrolled.explorer.notebook import explore
    from unrolled.networks.files import load_network
    from unrolled.neurons.holding_models import hold
    from unrolled.traces.check import check
    from unrolled.traces.modules import trace
    from unrolled.traces.trace import Trace
    from unrolled.training.train import train, train_seeds
    from unrolled.writing.complete import complete
    from unrolled.writing.sample import sample

_WHERE = {
    "Trace": "unrolled.traces.trace",
    "check": "unrolled.traces.check",
    "complete": "unrolled.writing.complete",
    "explore": "unrolled.explorer.notebook",
    "hold": "unrolled.neurons.holding_models",
    "load_network": "unrolled.networks.files",
    "sample": "unrolled.writing.sample",
    "trace": "unrolled.traces.modules",
    "train": "unrolled.training.train",
    "train_seeds": "unrolled.training.train",
}

__all__ = [
    "Trace",
    "UnrolledError",
    "__version__",
    "check",
    "complete",
    "explore",
    "hold",
    "load_network",
    "sample",
    "trace",
    "train",
    "train_seeds",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'unrolled' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
