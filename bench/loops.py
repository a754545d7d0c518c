"""A measuring process with a fault in it must end, not go on and measure half."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from typing import Any

FAULT = 70  # EX_SOFTWARE


def fail_loudly() -> None:
    """End this process at the first exception that the running loop would only log."""
    asyncio.get_running_loop().set_exception_handler(_end)


def _end(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    print(context.get("message", ""), file=sys.stderr)
    if error is not None:
        traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(FAULT)
