"""`train`, and `measure`, which takes the same settings."""

from sdpo_core.cli.jobs import job_command

_TRAIN_EPILOGUE = """the workflow: generate, vote, train, judge, export. About 60 votes are a good start.

examples:
  train                                     all votes for this model, default settings
  train --preset quick                      check that everything works
  train --preset balanced --rank 16         a preset with one change
  train --config mine.toml                  settings from a file (rank = 16, one per line)
  train --run workspace/runs/ID             resume exactly after a crash or a stop
  runs                                      past and current runs, and their results

Ctrl-C saves a checkpoint and stops; a second Ctrl-C quits immediately. The run's config.json has
every setting that was used."""
_MEASURE_EPILOGUE = """examples:
  measure                                   one test step with the current votes and the defaults
  measure --rank 64 --size-px 768           the same with other settings"""

TRAIN = job_command(
    "train",
    "train an adapter on the votes, or resume a run",
    function=lambda _: "sdpo_core.training.job:run_train",
    epilogue=_TRAIN_EPILOGUE,
)
MEASURE = job_command(
    "measure",
    "show the memory and time a training run would need; trains nothing",
    function=lambda _: "sdpo_core.training.measure:run_measure",
    epilogue=_MEASURE_EPILOGUE,
)
