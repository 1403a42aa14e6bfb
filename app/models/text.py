"""Strings for choosing the base model."""

from app.ui.strings import Strings

say = Strings(
    {
        "modelLabel": "Model",
        "modelInfo": "demo, a checkpoint (.safetensors), a diffusers folder, or a Hugging Face id: owner/name",
        "downloadButton": "Download",
        "predictionLabel": "What does this model predict?",
        "predictionInfo": (
            "Stable Diffusion 2 comes in two kinds, and this file doesn't say which. Its name or download page "
            "usually does. Your answer is remembered. If you get nothing but noise, switch to the other one here."
        ),
        "predictions.v_prediction": "v: a model for 768 px, named like 768-v or v2-1_768",
        "predictions.epsilon": "epsilon: a model for 512 px, named like 512-base or v2-1_512",
        "finder.open": "Find models on this machine",
        "finder.close": "Close the list",
        "finder.found": "Usable models",
        "finder.filter": "Search the list",
        "finder.none": "No models found yet. Add your checkpoint folder, or enter a path above.",
        "finder.unread": "not hashed yet",
        "finder.unusable": "Can't be used ({count})",
        "finder.folders": "Your own folders",
        "finder.newFolder": "A checkpoint folder, or your ComfyUI or A1111 folder",
        "finder.add": "Add",
        "finder.forget": "Remove",
        "finder.again": "Search again",
        "finder.halt": "Stop",
        "finder.lost": "The studio didn't respond. Try again.",
        "noSuchModel": "This model is no longer in the list. Search again.",
        "tooManyFolders": "At most 50 folders can be added. Remove one first.",
        "predictionAsked": "One question before this model can be used:",
        "downloadWaits": "Its download is queued and starts by itself.",
        "downloadRuns": "Downloading; the bar above shows the progress. You can leave this page.",
        "startedDownload": "Download started. The bar above shows the progress and lets you stop it.",
        # --- a model that can be used, or has to be downloaded first ---
        "ready": "{name} is ready: {size_px} px images, guidance {guidance:g}.",
        "readyDemo": (
            "{name} is ready: {size_px} px images, guidance {guidance:g}. It's a tiny model for trying everything out."
        ),
        "offer": "{source} isn't on this machine yet. Downloading it takes {plan}",
        "noOffer": "{source} isn't on this machine. {why}",
        "queued": "Download of {model}",
        # --- the search for models ---
        "looking.one": "Searching… {n} file so far. {folder}",
        "looking.other": "Searching… {n} files so far. {folder}",
        "moreFound.one": "{n} more not shown. Add a subfolder to see them.",
        "moreFound.other": "{n} more not shown. Add a subfolder to see them.",
        "noSuchFolder": "Can't open the folder {path}. Check the spelling, the drive and the folder's permissions.",
    }
)
