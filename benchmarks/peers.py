"""The other ways of running an LSTM, with one and the same weights: which are installed, and that they agree.

The loop is what people write who want to see the gates, for neither nn.LSTM nor nn.LSTMCell gives them away: one step
of Python after the other, the gates in chunks, everything appended to lists and stacked. Keras runs on its torch
backend, ONNX Runtime its own LSTM node. Of those two and of nn.LSTM only the outputs come; they keep no gates.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
import torch.nn.functional as F
from common import Report, arguments
from torch import Tensor, nn

LOOP, KERAS, ONNX = "LSTMCell loop", "Keras (torch)", "ONNX Runtime"
PACKAGES = {KERAS: ("keras",), ONNX: ("onnx", "onnxruntime")}
"""What must be installed for which."""
SIGNALS = ("input_gate", "forget_gate", "candidate", "cell", "output_gate", "hidden")
NEAR = 1e-4


def missing(peer: str) -> str:
    """What a peer lacks, such as `onnxruntime is not installed`; empty where nothing."""
    lacking: list[str] = []
    for name in PACKAGES.get(peer, ()):
        try:
            version(name)
        except PackageNotFoundError:
            lacking.append(name)
    return f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed" if lacking else ""


class Loop(nn.Module):
    """Layers of nn.LSTMCell stepped from Python, all gates kept."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        sizes = [lstm.input_size, *[lstm.hidden_size] * (lstm.num_layers - 1)]
        self.cells = nn.ModuleList([nn.LSTMCell(size, lstm.hidden_size) for size in sizes])
        self.load_state_dict(
            {
                f"cells.{layer}.{name}": getattr(lstm, f"{name}_l{layer}").detach().clone()
                for layer in range(lstm.num_layers)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Outputs `(steps, batch, neurons)`; of each layer every signal `(steps, batch, neurons)`."""
        recorded: list[dict[str, Tensor]] = []
        for cell in self.cells:
            kept: dict[str, list[Tensor]] = {name: [] for name in SIGNALS}
            h = c = x.new_zeros(x.shape[1], cell.hidden_size)
            for x_t in x:
                gates = F.linear(x_t, cell.weight_ih, cell.bias_ih) + F.linear(h, cell.weight_hh, cell.bias_hh)
                i, f, g, o = gates.chunk(4, dim=1)
                i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
                c = f * c + i * g
                h = o * torch.tanh(c)
                for name, value in zip(SIGNALS, (i, f, g, c, o, h), strict=True):
                    kept[name].append(value)
            recorded.append({name: torch.stack(values) for name, values in kept.items()})
            x = recorded[-1]["hidden"]
        return x, recorded


def loop(lstm: nn.LSTM, x: Tensor) -> Callable[[], Tensor]:
    model = Loop(lstm)

    @torch.inference_mode()
    def run() -> Tensor:
        return model(x)[0]

    return run


def keras_module() -> Any:
    """Keras on its torch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    return keras


def keras_layers(lstm: nn.LSTM) -> Any:
    """A Keras model of the same layers, with the same weights; it reads `(batch, steps, inputs)`."""
    keras = keras_module()
    layers = [keras.layers.LSTM(lstm.hidden_size, return_sequences=True) for _ in range(lstm.num_layers)]
    model = keras.Sequential([keras.Input((None, lstm.input_size)), *layers])
    for number, layer in enumerate(layers):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(lstm, f"{name}_l{number}").detach() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        layer.set_weights([w_ih.t().numpy(), w_hh.t().numpy(), (b_ih + b_hh).numpy()])
    return model


def keras_forward(lstm: nn.LSTM, x: Tensor) -> Callable[[], Tensor]:
    model, x = keras_layers(lstm), x.transpose(0, 1).contiguous()

    @torch.no_grad()
    def run() -> Tensor:
        return model(x, training=False).transpose(0, 1)

    return run


def onnx_forward(lstm: nn.LSTM, x: Tensor) -> Callable[[], Tensor]:
    """One LSTM node a layer; the gates are in ONNX's order i, o, f, c."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []
    size, given = lstm.hidden_size, "x"

    def reordered(name: str) -> Tensor:
        i, f, g, o = getattr(lstm, name).detach().split(size)
        return torch.cat([i, o, f, g])

    for layer in range(lstm.num_layers):
        bias = torch.cat([reordered(f"bias_ih_l{layer}"), reordered(f"bias_hh_l{layer}")])
        for name, value in (("w", reordered(f"weight_ih_l{layer}")), ("r", reordered(f"weight_hh_l{layer}")),
                            ("b", bias)):  # fmt: skip
            weights.append(numpy_helper.from_array(value[None].numpy(), f"{name}{layer}"))
        nodes.append(
            helper.make_node("LSTM", [given, f"w{layer}", f"r{layer}", f"b{layer}"], [f"all{layer}"], hidden_size=size)
        )
        given = f"y{layer}"
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", "direction"], [given]))
    weights.append(helper.make_tensor("direction", TensorProto.INT64, [1], [1]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, None, width])
        for name, width in (("x", lstm.input_size), (given, size))
    ]
    graph = helper.make_graph(nodes, "lstm", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Its threads would go on spinning through the others' turns.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    return lambda: torch.from_numpy(session.run(None, feed)[0])


PEERS: dict[str, Callable[[nn.LSTM, Tensor], Callable[[], Tensor]]] = {
    LOOP: loop,
    KERAS: keras_forward,
    ONNX: onnx_forward,
}
"""Each makes what runs an LSTM's layers forward over `(steps, batch, inputs)` and gives the outputs."""


def checked(peer: str, lstm: nn.LSTM, x: Tensor) -> tuple[Callable[[], Tensor], float]:
    """A peer that has been seen to compute the same, and how far from nn.LSTM it was.

    Raises:
        SystemExit: it computes something else: there is nothing to race against.
    """
    run = PEERS[peer](lstm, x)
    with torch.inference_mode():
        difference = float((run() - lstm(x)[0]).abs().max())
    if not difference <= NEAR:
        raise SystemExit(f"{peer} is {difference:.1e} from nn.LSTM: it does not compute the same.")
    return run, difference


def main() -> int:
    parser = arguments(__doc__)
    given = parser.parse_args()
    torch.manual_seed(0)
    lstm, x = nn.LSTM(5, 7, 2), torch.randn(11, 3, 5)
    result = Report("The others", packages=("keras", "onnxruntime"))
    rows: list[list[str]] = []
    for peer in PEERS:
        why_not = missing(peer)
        difference = None if why_not else checked(peer, lstm, x)[1]
        result.numbers[peer] = difference
        rows.append([peer, why_not or "yes", "" if difference is None else f"{difference:.1e}"])
    result.table("2 × 7 neurons, 3 sequences of 11 steps.", ["what", "there", "largest difference from nn.LSTM"], rows)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
