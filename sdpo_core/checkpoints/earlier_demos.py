"""The demo models of earlier versions, which people's votes, adapters and runs still name by their hash.

Updating the studio replaces assets/demo/, so a person who never chose a model may have made things with two of them.
Whoever replaces the demo model adds the previous one's hash (`inspect_model("demo").sha256`).
"""

_EARLIER: frozenset[str] = frozenset(
    {
        "f39ce792a166d7325161f741765845f5df40ce52c5e8ce031fffeb81b91b2b2b",  # 64 px
    }
)

AN_EARLIER_DEMO = "the demo model of an earlier version"
"""What to call such a model in a sentence."""


def is_earlier_demo(sha256: str | None) -> bool:
    """Whether a model's hash (`ModelInfo.sha256`) is that of a demo model that shipped earlier."""
    return sha256 in _EARLIER
