"""Neurons with known answers: circuits whose weights are set by hand, planted among neurons that know nothing of them.

What looks for neurons is tried on these: which neuron stands for what is known before anybody looks.
"""

from unrolled.neurons.circuits.circuit import Circuit, Gate, Unit
from unrolled.neurons.circuits.grafting import Grafted, Planted, graft
from unrolled.neurons.circuits.known import CIRCUITS
from unrolled.neurons.circuits.planting import Planting, plant, random_network
from unrolled.neurons.circuits.text import babble

__all__ = [
    "CIRCUITS",
    "Circuit",
    "Gate",
    "Grafted",
    "Planted",
    "Planting",
    "Unit",
    "babble",
    "graft",
    "plant",
    "random_network",
]
