"""Strings of the Generate page: prompts, number of pairs, ComfyUI, importing images."""

from app.ui.strings import Strings

say = Strings(
    {
        "page": "Generate",
        # Titles of the starter sets in assets/prompts, by file name.
        "starters.starter-demo": "For the demo model",
        "starters.starter-general": "A bit of everything",
        "starters.starter-portraits": "People",
        "starters.starter-landscapes": "Landscapes",
        "starters.starter-illustration": "Illustration",
        "startersLabel": "Starter prompts",
        "addStarters": "Add",
        "openFile": "Prompts from a file…",
        "promptsInfo": "One per line. {{red|blue}} picks one at random for each pair; both images get the same text.",
        "switch.ahead": "Keep generating while I vote",
        "switchInfo.ahead": "Keeps this many pairs ready for you. Stops by itself after ten minutes without a vote.",
        "switch.telling": "Ask the most informative questions",
        "switchInfo.telling": (
            "Once your votes show a taste, each pair is picked from 4 images: the two that tell the most about it. "
            "Generating takes twice as long, and in our tests it didn't clearly reduce the number of votes needed."
        ),
        "adapterLabel": "Generate with an adapter",
        "adapterInfo": "For round two. None: base model only.",
        "noAdapter": "none",
        "strengthInfo": (
            "0 is the base model, 1 the adapter as trained. Defaults to the adapter's recommended strength."
        ),
        "aheadRange": (
            "To generate while you vote, the number of pairs kept ready must be a whole number from 1 to 200."
        ),
        "startedAhead": "Generating has started and continues while you vote.",
        "unknownSet": "Unknown set of starter prompts. Reload the page.",
        "fileTooLarge": "This file is larger than 1 MB. Split it and open one part at a time.",
        "fileNoText": "This file isn't readable text. Save it as plain text (UTF-8), one prompt per line.",
        "fileEmpty": "This file has no prompts. It needs one prompt per line.",
        "fileGone": "The upload failed. Open the file again.",
        "tooManyPrompts": "At most 10,000 prompts can be used at a time. Remove some.",
        "intro": (
            "Describe what you want to see. Each pair is two images of the same prompt, for you to choose between."
        ),
        "promptsLabel": "Prompts",
        "promptsPlaceholder": "mountains at sunset\na quiet lake in the morning",
        "useStarters": "Starter prompts",
        "pairsLabel": "Pairs",
        "pairsInfo": "Spread evenly over your prompts.",
        "advanced": "More settings",
        "button": "Generate pairs",
        "drawingButton": "Generating…",
        "noPrompts": "No prompts yet. Write at least one, one per line, or add “Starter prompts”.",
        "noStarters": "The starter prompts are missing from assets/prompts. Write your own, one per line.",
        "pairsRange": "Pairs must be a whole number from 1 to 1000.",
        "promptTooLong": "The prompt starting “{start}…” has {length} characters; the limit is {most}.",
        "started": "Generating has started. You can vote as soon as the first pair is ready.",
        "startedTooFew": "There are more prompts ({prompts}) than pairs ({pairs}): some were picked at random.",
        # What would be generated, shown before it starts: some of these sentences, one after the other.
        "plan.prompts.one": "{n} prompt.",
        "plan.prompts.other": "{n} prompts.",
        "plan.choices.one": "{n} prompt with choices, {wordings} combinations in all.",
        "plan.choices.other": "{n} prompts with choices, {wordings} combinations in all.",
        "plan.manyChoices.one": "{n} prompt with choices, more than a million combinations in all.",
        "plan.manyChoices.other": "{n} prompts with choices, more than a million combinations in all.",
        "plan.ahead.one": "Keeps {n} pair ready for you, one prompt after another.",
        "plan.ahead.other": "Keeps {n} pairs ready for you, one prompt after another.",
        "plan.pairs.one": "{n} pair: {images} images.",
        "plan.pairs.other": "{n} pairs: {images} images.",
        "plan.picked.one": "One prompt is picked at random.",
        "plan.picked.other": "{n} prompts are picked at random.",
        "plan.long": (
            "The prompt starting “{start}…” has {length} characters. Is it really one prompt? It's used in full (up "
            "to {most}), encoded in chunks of 75 tokens (about 300 characters)."
        ),
        # --- the newest images ---
        "gallery.label": "Newest images",
        "gallery.empty": "Your images appear here as they're generated.",
        "gallery.gone": "This image is missing from disk.",
        "gallery.close": "Close",
        "gallery.previous": "Previous image",
        "gallery.next": "Next image",
        "gallery.download": "Download",
        "made.size": "Size",
        "made.seed": "Seed",
        "made.steps": "Steps",
        "made.guidance": "Guidance",
        "made.sampler": "Sampler",
        "made.negative": "Negative prompt",
        "made.adapters": "Adapters",
        "made.model": "Model",
        "made.tool": "Made with",
        "comfyui": "ComfyUI",
        "adapterAt": "{name} at {strength:g}",
        "unknownAdapter": "an adapter that isn't in this project",
        # --- ComfyUI ---
        "comfyDraw.title": "Generate with ComfyUI",
        "comfyDraw.on": "on",
        "comfyDraw.hint": (
            "ComfyUI, running on this machine or your network, generates the pairs with your own workflow. Training "
            "uses the model selected above, so pick the one your workflow uses."
        ),
        "comfyDraw.use": "Use ComfyUI",
        "comfyDraw.url": "ComfyUI address",
        "comfyDraw.workflow": "Workflow",
        "comfyDraw.none": "none yet",
        "comfyDraw.drop": "Drop a workflow here: exported with Workflow → Export (API), or an image saved by ComfyUI",
        "comfyDraw.choose": "Choose a file…",
        "comfyDraw.paste": "or paste it here",
        "comfyDraw.look": "Check workflow",
        "comfyDraw.working": "Asking ComfyUI…",
        "comfyDraw.found": "Found in the workflow",
        "comfyDraw.what": "Setting",
        "comfyDraw.where": "Node and input",
        "comfyDraw.value": "Current value",
        "comfyDraw.point": "Choose the inputs yourself",
        "comfyDraw.pointHint": (
            "Node and input, such as 6.text; separate several with commas. Empty: found from the links."
        ),
        "comfyDraw.prompt_slot": "Prompt input",
        "comfyDraw.negative_slot": "Negative prompt input",
        "comfyDraw.seed_slot": "Seed input",
        "comfyDraw.image_node": "Image node",
        "comfyDraw.pasted": "pasted workflow",
        "comfyDraw.tooLarge": "This file is over 8 MB, too large for a workflow.",
        "comfyDraw.lost": "The studio didn't respond. Try again.",
        # Labels, by the names `Workflow.found` uses.
        "comfyFound.prompt": "Prompt",
        "comfyFound.negative prompt": "Negative prompt",
        "comfyFound.seed": "Seed",
        "comfyFound.size": "Size",
        "comfyFound.model": "Model",
        "comfyFound.LoRAs": "LoRAs",
        "comfyFound.sampler": "Sampler",
        "comfyFound.images of": "Images of",
        "noWorkflow": (
            "ComfyUI is on, but there's no workflow yet. Add one under “Generate with ComfyUI”, or turn it off."
        ),
        "notArrived": "The upload was incomplete. Open the file again.",
        "comfyOnThePage": (
            "The ComfyUI address and workflow are set on the Generate page. A program can use the command line: "
            "generate --comfy URL --workflow FILE."
        ),
        # --- importing images ---
        "import.title": "Import your own images",
        "import.hint": (
            "From ComfyUI, A1111, Forge, InvokeAI, Fooocus, SwarmUI or NovelAI, prompts included. Images with the "
            "same prompt become pairs to vote on; near-duplicates are skipped. Images whose metadata has your model's "
            "hash (A1111, Forge) are used for training; others only if you opt in (Train, All settings, Pairs to "
            "learn from)."
        ),
        "import.drop": "Drop images or a folder here",
        "import.files": "Choose images…",
        "import.folder": "Choose a folder…",
        "import.path": "Or a folder on this machine",
        "import.take": "Import",
        "import.sending": "Uploading {done} of {total}…",
        "import.cancel": "Cancel",
        "import.cancelled": "Cancelled. Nothing was imported.",
        "import.nothing": "No PNG, JPEG or WebP images in your selection.",
        "import.wrongKind": "not a PNG, JPEG or WebP image, or a caption file for one",
        "import.tooLarge": "larger than {most} MiB",
        "import.tooMany": "More than {most} files. Use a folder on this machine instead, below.",
        "import.leftOut": "Skipped ({count})",
        "import.prompt": "Prompt for these images",
        "import.give": "Use this prompt",
        "import.lost": "The studio didn't respond. Try again.",
        "importQueued": "Another job is running. The import is queued and starts by itself.",
        "noDraft": "The upload has expired. Choose the images again.",
        "diskFull": "The disk is nearly full. Free some space, then try again.",
        "emptyPrompt": "Enter the prompt these images were made with, or describe what they show.",
        "folderGone": "The images are no longer there. Choose them again.",
        "tooLarge": "{name} is larger than {most} MiB. Save a smaller version, then try again.",
        "wrongKind": "{name} isn't a PNG, JPEG or WebP image. Save it as one of these.",
        "tooMany": "At most {most} files can be uploaded at a time. Import a folder on this machine instead.",
        "noFolder": "Enter the path of the folder.",
        "cantOpen": "Can't open the folder {folder}. Check the spelling, the drive and the folder's permissions.",
        "whichPrompt.one": (
            "{n} image has no prompt. What were they made with, or what do they show? Images with the same prompt "
            "become pairs."
        ),
        "whichPrompt.other": (
            "{n} images have no prompt. What were they made with, or what do they show? Images with the same prompt "
            "become pairs."
        ),
        "importTitle": "Import from {folder}",
    }
)
