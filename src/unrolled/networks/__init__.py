"""Networks over symbols: encoder, stack of cells, readout; saving and loading.

The settings can be read without PyTorch, so what needs it is imported only when it is asked for.
"""

from typing import TYPE_CHECKING

from unrolled.networks.settings import NetworkSettings

if TYPE_CHECKING:
    from unrolled.networks.network import SITE, Network

__all__ = ["SITE", "Network", "NetworkSettings"]


def __getattr__(name: str) -> object:
    if name in {"SITE", "Network"}:
        from unrolled.networks import network

        return getattr(network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
