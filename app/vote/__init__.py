"""The page Vote: boards, the review of all votes, and what they say."""
