"""The standalone server's settings, with a wall clock that runs ahead: `time.time()` alone, in this process alone.

When a stream was asked is told by that clock, how long it took by the monotonic one. So its durations are real, and
the rows of half an hour lie in a day.
"""

import os
import time

from headrace.config.settings import *  # noqa: F403 - as it says
from soak.day.plan import CLOCK_VARIABLE, Clock

time.time = Clock.read(os.environ[CLOCK_VARIABLE], time.time).now
