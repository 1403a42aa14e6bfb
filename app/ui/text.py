"""Strings of forms, and replies to a page that sent something unexpected."""

UNSET = "automatic"

NO_SUCH_SCRIPT = "The studio was updated. Reload the page."
WIDGET_LOST = "This part of the page did not load. Reload the page."
UNEXPECTED_MESSAGE = "The page sent something unexpected. Reload it."
