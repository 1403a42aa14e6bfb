"""Strings of forms, and replies to a page that sent something unexpected."""

from app.ui.strings import Strings

say = Strings(
    {
        "unset": "automatic",
        "duration.moment": "a few seconds",
        "duration.seconds": "about {count} s",
        "duration.minutes": "about {count} min",
        "duration.hours": "about {count:.1f} h",
        "emptySize": "nothing",
        "noSuchScript": "The studio was updated. Reload the page.",
        "widgetLost": "This part of the page did not load. Reload the page.",
        "unexpectedMessage": "The page sent something unexpected. Reload it.",
    }
)
