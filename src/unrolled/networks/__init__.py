"""Networks over symbols: encoder, stack of cells, readout; saving and loading."""

from unrolled.networks.network import SITE, Network
from unrolled.networks.settings import NetworkSettings

__all__ = ["SITE", "Network", "NetworkSettings"]
