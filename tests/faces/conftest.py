from tests.integration.conftest import data_dir, server

__all__ = ["data_dir", "server"]
