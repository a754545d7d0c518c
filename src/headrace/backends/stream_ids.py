"""A stream's id: the second in which it was made, and bits that nobody guesses.

The time is no secret, and decides nothing but how long an id that is not known yet is looked for.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time

TIME_BYTES = 4  # seconds since 1970, until 2106
RANDOM_BYTES = 17  # 136 bits: an id is a capability within its project, and must not be guessed
YOUNG_SECONDS = 60.0  # the clocks of several machines are nearer to each other than that


def new_stream_id() -> str:
    made = int(time.time()).to_bytes(TIME_BYTES, "big")
    return base64.urlsafe_b64encode(made + secrets.token_bytes(RANDOM_BYTES)).decode("ascii")


def is_young(stream_id: str) -> bool:
    """Whether it may have been made just now, on a machine whose clock is not quite ours."""
    try:
        data = base64.urlsafe_b64decode(stream_id)
    except (ValueError, binascii.Error):
        return False
    if len(data) != TIME_BYTES + RANDOM_BYTES:
        return False
    return abs(time.time() - int.from_bytes(data[:TIME_BYTES], "big")) < YOUNG_SECONDS
