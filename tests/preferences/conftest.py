from tests.preferences.helpers import store

__all__ = ["store"]
