"""A job that writes what a run folder needs and does nothing else. SDPO_FAKE_JOB says what it plays."""

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter

verb: Any = sys.argv[1]
options = dict(zip(sys.argv[2::2], sys.argv[3::2], strict=True))
run = RunFolder.open(Path(options["--run"]))
play = os.environ.get("SDPO_FAKE_JOB", "work")
if play == "die":
    print("no such library: torch")
    sys.exit(3)
reporter = Reporter(run, verb, 1000)
if play == "die-later":
    reporter.say(7, "Working", force=True)
    print("Killed by something")
    os._exit(9)
if play == "warm":
    reporter.total = 10
    reporter.say(10, "Ready for more.", force=True)
    while not reporter.stop_requested():
        for name, content in list(run.requests()):
            reporter.total += 10
            run.answer_request(name, {"pairs": [1], "prompts": content["prompts"]})
            reporter.say(reporter.total, "Ready for more.", force=True)
        time.sleep(0.02)
for step in range(1000):
    reporter.say(step, "Working", force=True)
    if reporter.stop_requested() and play != "deaf":
        run.answer("stop")  # before the state: whoever waits for it looks at the signal next
        reporter.say(step, "Stopped; kept.", state="stopped", force=True)
        sys.exit(0)
    if play == "quick" and step == 3:
        break
    time.sleep(0.02)
reporter.say(1000, "Done.", state="done", force=True)
