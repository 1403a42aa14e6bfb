"""Intervals of measured shares."""

import math


def wilson_interval(successes: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share of `successes` in `n`; z = 1.96 is 95 %. Ties may count as halves.

    `n` isn't a whole number if votes depend on each other and count for less. Wilson (1927), J. Am. Stat. Assoc.
    22:209. With halves it is a little wide, because a tie varies less than a coin. Raises `ValueError` for an
    impossible share.
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"expected 0 <= successes <= n and n > 0, got {successes} of {n}")
    share = successes / n
    centre = share + z**2 / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
