"""The Vote page: boards, the review of all votes, and what they say."""
