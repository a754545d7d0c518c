"""The live server of the integration tests, for clients."""

from __future__ import annotations

import socket

import pytest

from tests.integration.conftest import data_dir, server

__all__ = ["data_dir", "server"]


@pytest.fixture
def unused_port() -> int:
    """A loopback port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
