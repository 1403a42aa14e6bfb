"""The pack's one error."""


class PackProblem(ValueError):
    """Why something can't be done; `str(problem)` is fit to be shown to a person."""
