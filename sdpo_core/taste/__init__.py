"""What a person's votes say, as a small model: it labels, asks, calibrates and explains.

`layout`, `pixels` and `features` describe images as vectors; `fit` makes a `model` out of the votes; `labels`,
`questions`, `calibration` and `words` use it. Everything but `features` and `described` needs numpy alone, so the
studio can import it.
"""
