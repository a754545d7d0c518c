"""The standalone server's settings, with a wall clock that runs ahead: `time.time()` alone, in this process alone.

When a stream was asked is told by that clock, how long it took by the monotonic one. So its durations are real, and
the rows of half an hour lie in a day. Names of providers are left to the proxy: no resolver is asked for them.
"""

import os
import socket
import time

from headrace.backends.http import HTTPClient
from headrace.config.settings import *  # noqa: F403 - as it says
from soak.day.plan import CLOCK_VARIABLE, Clock


async def _nobody(_host: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "left to the proxy")


time.time = Clock.read(os.environ[CLOCK_VARIABLE], time.time).now
assert HTTPClient.__init__.__kwdefaults__ is not None
HTTPClient.__init__.__kwdefaults__["resolver"] = _nobody
