from tests.workspace.helpers import store

__all__ = ["store"]
