"""Numbers as a person reads them, the same on the pages, in a run's messages and in the terminal."""

NOT_CHANGED = "about 0 %"


def signed_percent(share: float) -> str:
    """`+1.2 %`, `−0.4 %`, and `0.0 %` for what rounds to nothing: there is no −0."""
    tenths = round(1000 * share)
    return f"{tenths / 10:+.1f} %".replace("-", "−") if tenths else "0.0 %"


def percent(share: float) -> str:
    """`86 %`."""
    return f"{100 * share:.0f} %"


def change(share: float, spread: float | None = None) -> str:
    """A relative change with its uncertainty, as far as that is known: `+1.2 % ± 0.3 %`.

    Where both round to nothing, it says `about 0 %`: `0.0 % ± 0.0 %` would look like a bug.
    """
    if round(1000 * share) == 0 and round(1000 * (spread or 0.0)) == 0:
        return NOT_CHANGED
    return signed_percent(share) if spread is None else f"{signed_percent(share)} ± {100 * spread:.1f} %"
