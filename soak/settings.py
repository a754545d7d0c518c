"""The standalone server's settings, and one address more: `/gauges/`, where a worker tells the soak what it holds."""

from headrace.config.settings import *  # noqa: F403 - as it says

ROOT_URLCONF = "soak.gauges"
