"""Strings of the Train page."""

from app.ui.strings import Strings

say = Strings(
    {
        "page": "Train",
        "presetLabel": "Preset",
        "presetInfo": "Fills in the fields below. You can change them afterwards.",
        "noPreset": "defaults",
        "roundTwoInfo": "Empty: a new adapter. Continuing one learns from the pairs generated with it.",
        "goesOn": "Continues from {name}.",
        "allSettings": "All settings",
        "allSettingsNote": "Empty fields use the model's defaults. If a combination doesn't work, you're told why.",
        "tomlLabel": "Settings as text (TOML)",
        "tomlInfo": "To save or share. The command line reads the same file with --config.",
        "tomlFile.choose": "Choose a settings file",
        "tomlFile.drop": "or drop one here",
        "tomlFile.tooLarge": "{name} is too large for a settings file. Choose a TOML file.",
        "tomlFile.noText": "{name} isn't a readable text file. Choose a TOML file.",
        "tomlWrite": "Export as TOML",
        "tomlRead": "Apply TOML",
        "tomlFilled": "Settings applied.",
        "saveNow": "Save now",
        "sampleNow": "Generate previews now",
        "saveAsked": "A checkpoint will be saved after this step.",
        "sampleAsked": "Previews will be generated after this step.",
        "noTraining": "No training run is active.",
        "unnamedRun": "Training",
        "queueButton": "Queue this run",
        "measureButton": "Measure memory and time",
        "measuring": "Running one test step with these settings. Nothing is trained.",
        "intro": "Training stops by itself and keeps the last step that was still safe for the images you preferred.",
        "button": "Train",
        "include.one": "Include {n} vote on images of another model",
        "include.other": "Include {n} votes on images of other models",
        "advanced": "Advanced",
        "advancedNote": "The defaults are a good start. Change one setting at a time, and compare with a blind test.",
        "stopAndKeep": "Stop and keep the result",
        "resumeButton": "Resume this run",
        "runLabel": "Run",
        "logLabel": "Log",
        "noneUsable": "Vote on pairs of this model to train it.",
        "earlierDemoPairs": (
            "The demo model has been replaced by a newer one. Generate pairs with it and vote on them, or set "
            "“{field}” to “all” to train it on your earlier votes too."
        ),
        "noVotesYet": "Nothing to learn from yet. Vote on a few pairs first.",
        "fewVotes": "That isn't many: a clear taste takes {wanted} or more.",
        "charts.margin": "Margin",
        "charts.marginHint": "How strongly the adapter favours your picks. It can keep growing while images get worse.",
        "charts.scale": "Loser weight",
        "charts.scaleHint": "At 1, the images you rejected have full effect. Below 1, the safeguard is limiting them.",
        "charts.error": "Winner error",
        "charts.errorHint": (
            "How much worse the adapter has become at predicting the images you preferred, compared with the base "
            "model. The band is two standard errors: where the true value likely is."
        ),
        "charts.loss": "Loss",
        "charts.lossHint": (
            "How far the adapter is from having learned your choices. It's noisy; the thick line is the trend."
        ),
        "charts.memory": "Memory in GiB",
        "charts.memoryHint": "Peak GPU memory so far; without a GPU, current memory.",
        "charts.memorySummary": "{gib} GiB after {step} steps.",
        "charts.step": "step",
        "charts.budget": "budget",
        "charts.waiting": "Waiting for the first numbers…",
        "charts.empty": "No training runs yet. Charts and previews appear here.",
        "charts.gauge": "Still healthy?",
        "charts.lossSummary": "Loss after {step} steps: {loss}.",
        "charts.unknown": "Not measured yet.",
        "health.healthy": "Healthy: images stay as good as the base model's.",
        "health.drifting": "Drifting: images may be getting worse. The safeguard is active.",
        "health.damaged": "Damaged: images are getting worse. An earlier step will be kept.",
        "healthFigures": "Winner error {error}, budget {budget}.",
        "previews.label": "Previews",
        "previews.hint": "The same prompts and seeds, without and with the adapter.",
        "previews.base": "Base model",
        "previews.step": "Step {step}",
        "previews.slider": "Show step",
        "previews.gone": "This preview is missing from disk.",
        "log.empty": "The log is empty.",
        "log.label": "Last lines of the log",
        # --- a run that waits, or is listed ---
        "queued": "Training of {model}: {steps} steps, currently {pairs} pairs",
        "queuedNamed": "Training “{name}” of {model}: {steps} steps, currently {pairs} pairs",
        "listed": "{name}, {moment}: {state}",
        # --- what a run does and needs, before it starts ---
        "steps.one": "{n} step",
        "steps.other": "{n} steps",
        "takes.steps": "Training takes {steps}.",
        "takes.time": "Training takes {steps}, {time} at the speed of your last run.",
        "takes.memory": "Training takes {steps} and {used:.1f} of {total:.0f} GiB, measured with these settings.",
        "takes.all": "Training takes {steps}, {time} and {used:.1f} of {total:.0f} GiB, measured with these settings.",
        "furtherPairs": "Before that, it generates up to {pairs} extra pairs and uses those it can label confidently.",
        "furtherPairsTime": (
            "Before that, it generates up to {pairs} extra pairs, which takes {time}, and uses those it can label "
            "confidently."
        ),
    }
)
