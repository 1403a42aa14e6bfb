"""How durations, sizes, dates and the studio's name are written, the same on every page."""

from datetime import datetime

from app.ui.text import say

NAME = "SDPO Studio"
TAGLINE = "Pick the image you like better. Your own machine learns your taste."


def moment(at: datetime) -> str:
    """`21 Nov 2026, 20:44`, in this machine's time; the only date format in the studio."""
    return f"{at.astimezone():%d %b %Y, %H:%M}"


def duration(seconds: float) -> str:
    """A time remaining, no more precise than the estimate."""
    if seconds < 10:
        return say("duration.moment")
    if seconds < 90:
        return say("duration.seconds", count=round(seconds / 5) * 5)
    minutes = seconds / 60
    if minutes < 60:
        return say("duration.minutes", count=round(minutes))
    return say("duration.hours", count=minutes / 60)


GIB, MIB, KIB = 2**30, 2**20, 2**10


def size(size_bytes: int) -> str:
    """`1.4 GiB`, `230 MiB`, `12 KiB`."""
    if size_bytes >= GIB:
        return f"{size_bytes / GIB:.1f} GiB"
    if size_bytes >= MIB:
        return f"{size_bytes / MIB:.0f} MiB"
    return f"{max(1, round(size_bytes / KIB))} KiB" if size_bytes else say("emptySize")
