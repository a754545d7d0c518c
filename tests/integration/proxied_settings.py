"""The standalone server's settings where this machine can look up no name: all are the operator's proxy's to find."""

from __future__ import annotations

import socket

from headrace.backends.http import HTTPClient
from headrace.config.settings import *  # noqa: F403 - as it says


async def nobody(_host: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "no resolver is asked in tests")


assert HTTPClient.__init__.__kwdefaults__ is not None
HTTPClient.__init__.__kwdefaults__["resolver"] = nobody
