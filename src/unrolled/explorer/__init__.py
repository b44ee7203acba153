"""The web server that shows traces and runs in the page."""

from unrolled.explorer.paths import Exhibit, find_exhibits
from unrolled.explorer.server import BackgroundServer, serve, start_background

__all__ = ["BackgroundServer", "Exhibit", "find_exhibits", "serve", "start_background"]
