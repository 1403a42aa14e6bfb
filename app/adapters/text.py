"""Strings of the Adapters page: cards, other tools' folders, the model card."""

from app.ui.strings import Strings

say = Strings(
    {
        "page": "Adapters",
        "intro": "Trained from your votes. Each file loads in any tool that supports LoRAs for its base model.",
        "widget.label": "Your adapters",
        "widget.empty": "No adapters yet.",
        "widget.emptyHint": "Generate, vote and train; the results appear here.",
        "widget.loading": "Loading…",
        "widget.noPreview": "No preview",
        "widget.lost": "The studio didn't respond. Try again.",
        "widget.strengthChip": "best at {strength}",
        "widget.path": "File location",
        "widget.copy": "Copy path",
        "widget.copied": "Copied",
        "widget.copyFailed": "Couldn't copy. Select the path and copy it yourself.",
        "widget.download": "Download",
        "widget.file.kohya": "LoRA file",
        "widget.fileHint.kohya": "for ComfyUI, A1111 and Forge",
        "widget.file.diffusers": "LoRA file, diffusers format",
        "widget.fileHint.diffusers": "for diffusers and peft",
        "widget.file.card": "Model card",
        "widget.fileHint.card": "Markdown: votes, verdict, settings; no prompts",
        "widget.file.card_prompts": "Model card with the blind test's prompts",
        "widget.fileHint.card_prompts": "Markdown",
        "widget.copyTo": "Copy to {tool}",
        "widget.linkTo": "Link into {tool}",
        "widget.linkHint": "One file in both places, without using more space. Needs the same disk.",
        "widget.judge": "Blind test",
        "widget.roundTwo": "Round two",
        "widget.roundTwoHint": (
            "Opens the Generate page with this adapter. Voting on its images is how the next round begins."
        ),
        "widget.edit": "Name, strength, note…",
        "widget.editName": "Name",
        "widget.curveGain": "predicted gain, σ",
        "widget.curveDrift": "winner error",
        "widget.editStrength": "Recommended strength",
        "widget.editStrengthHint": "−2 to 2; empty: none",
        "widget.editNote": "Note",
        "widget.save": "Save",
        "widget.cancel": "Cancel",
        "widget.delete": "Delete",
        "widget.undo": "Undo",
        "widget.folders": "Folders of other tools",
        "widget.foldersHint": "Set once for all projects. Then copying an adapter there takes one click.",
        "widget.noFolder": "not set yet",
        "widget.choose": "Choose…",
        "widget.change": "Change…",
        "widget.folderLabel": "Folder of {tool}",
        "widget.folderPlaceholder": "The tool’s main folder, or its LoRA folder",
        "widget.forget": "Forget",
        "widget.working": "Working…",
        "worksOnlyHere": "Works only in the studio: other tools don't recognise the tiny demo model.",
        "notJudged": "Not tested yet",
        "unreadable": "This file can't be read: {why}",
        "gone": "This adapter's file is missing from the workspace's adapters folder.",
        "notAnAdapter": "This trash entry isn't an adapter. Restore it on the Disk page.",
        "notProven": "Loading not verified yet: run a blind test or generate a grid with it.",
        "strengthWrong": "The recommended strength must be a number such as 0.8, or empty; got {given!r}.",
        "round": "round {round}",
        # The number of a step names it, so it has no separators.
        "trainedOn.one": "{n} pair, step {step!s}",
        "trainedOn.other": "{n} pairs, step {step!s}",
        "pairs.one": "{n} pair",
        "pairs.other": "{n} pairs",
        "step": "step {step!s}",
        "fits": "{matched:d} of {modules:d} modules match its base model.",
        # How much worse the adapter became at predicting the preferred images.
        "error": "Winner error: {error}.",
        "winnerError.heldOut": "{change} on held-out pairs",
        "winnerError.trained": "{change} on training pairs with unseen noise (too few pairs to hold any out)",
        "winnerErrorInBudget.heldOut": "{change} on held-out pairs, budget {budget}",
        "winnerErrorInBudget.trained": (
            "{change} on training pairs with unseen noise (too few pairs to hold any out), budget {budget}"
        ),
        # --- calibrated strength ---
        "baked": "Calibrated: strength 1 in this file is {strength:.2f} times the trained strength.",
        "predicted.hardly": "Predicted from your votes: hardly any visible difference (a gain of {gain}).",
        "predicted.threeOfFive": (
            "Predicted from your votes: you should prefer about three of five of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "predicted.twoOfThree": (
            "Predicted from your votes: you should prefer about two of three of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "predicted.threeOfFour": (
            "Predicted from your votes: you should prefer about three of four of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "predicted.fourOfFive": (
            "Predicted from your votes: you should prefer about four of five of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "predicted.nineOfTen": (
            "Predicted from your votes: you should prefer about nine of ten of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "predicted.nearlyAll": (
            "Predicted from your votes: you should prefer nearly all of its images to a random one without it "
            "(a gain of {gain}). Only a blind test can tell."
        ),
        "curve.point": "at {strength:.2f}, a gain of {gain} for a winner error of {error}",
        "curve.calibrated": (
            "Predicted gain against drift: {points}. The budget {budget_percent:.1f} % is the limit. Calibrated at "
            "{strength:.2f}."
        ),
        "curve.outside": (
            "Predicted gain against drift: {points}. The budget {budget_percent:.1f} % is the limit. No strength stays "
            "within it."
        ),
        "curve.gate": "budget {budget_percent:.1f} %",
        # --- what was done ---
        "saved": "Saved {name}.",
        "deleted": "{name} is in the trash. Restore or delete it for good on the Disk page.",
        "restored": "Restored {name}.",
        # --- other tools' folders ---
        "isThere": "in {tool}",
        "folderChosen": "Adapters for {tool} go to {folder}.",
        "placed.copy": "Copied to {tool} as {file}.",
        "placed.link": "Linked to {tool} as {file}.",
        "folderForgotten": "Folder of {tool} removed from the settings. The files in it were kept.",
        "notForOthers": "{name} works only in the studio, so it wasn't copied. Train on your own model instead.",
        # --- model card ---
        "cardAbout": (
            "A LoRA adapter trained on one person's votes on pairs of images, with Diffusion-SDPO (safeguarded DPO, "
            "[arXiv 2511.03317](https://arxiv.org/abs/2511.03317)) in SDPO Studio. It shifts the base model towards "
            "that person's taste; it doesn't teach new subjects."
        ),
        "cardNotJudged": "No blind test yet, so it's unknown whether its images are preferred to the base model's.",
        "cardChance": "An interval that includes 50 % may be chance.",
        "cardOnePerson": (
            "One person's blind choices between images with the same prompt and seed, on prompts this adapter wasn't "
            "trained on. They say little about anyone else's taste."
        ),
        "cardLicence": "The base model's licence applies to what you make with it. Check it before you share.",
        "cardErrorAbout": (
            "Winner error: how much worse the adapter became at predicting the preferred images, compared with its "
            "reference. Training keeps it within a budget. It's a measurement, not a guarantee."
        ),
        "cardHeadings.how": "How it was made",
        "cardHeadings.verdict": "Blind test",
        "cardHeadings.use": "Use",
        "cardHeadings.settings": "Settings",
        "cardHeadings.prompts": "Prompts of the blind test",
        "cardHeadings.note": "Note",
        "cardRows.base": "Base model",
        "cardRows.base_sha256": "Base model hash (SDPO Studio's)",
        "cardRows.votes": "Training pairs",
        "cardRows.held_out": "Held-out pairs",
        "cardRows.round": "Round",
        "cardRows.step": "Step",
        "cardRows.error": "Winner error",
        "cardRows.calibrated": "Strength in the file",
        "cardRows.predicted": "Predicted by the taste model",
        "cardRows.rank": "Rank",
        "cardRows.layers": "Layers",
        "cardRows.sha256": "SHA-256 of the file",
        "cardRows.made": "Made",
        "cardPredicted": "gain {gain}, {preference} against random images without it; predicted, not tested",
        # How many layers of each kind it changes.
        "cardLayers.attention.one": "{n:d} attention",
        "cardLayers.attention.other": "{n:d} attention",
        "cardLayers.feed-forward.one": "{n:d} feed-forward",
        "cardLayers.feed-forward.other": "{n:d} feed-forward",
        "cardLayers.other.one": "{n:d} other",
        "cardLayers.other.other": "{n:d} other",
        "cardStrength": "Recommended strength: {strength:g}.",
        "cardStrengthNone": "No recommended strength; trained at 1.",
        "cardStrengthBaked": "No recommended strength; 1 is calibrated, {strength:.2f} times the trained strength.",
        "cardFiles": (
            "The LoRA file loads in ComfyUI, A1111 and Forge, and in diffusers with `load_lora_weights`. The studio "
            "can also export it with diffusers' key names."
        ),
        "cardJudgedAt": (
            "Tested at strength {strength:g}: {wins} for the adapter, {losses} for the base model, {ties} equal."
        ),
        # --- the nodes in ComfyUI ---
        "comfyPack.title": "Nodes for ComfyUI",
        "comfyPack.about": (
            "Load your adapters by name and check that they fit, send images to the studio to vote on, and pick an "
            "image while a workflow runs."
        ),
        "comfyPack.none": "No ComfyUI found in the usual places.",
        "comfyPack.installed": "installed",
        "comfyPack.install": "Install",
        "comfyPack.remove": "Remove",
        "comfyPack.another": "Another ComfyUI folder",
        "comfyPack.placeholder": "the folder that contains custom_nodes",
        "comfyPack.working": "Working…",
        "comfyPack.lost": "The studio didn't respond. Try again.",
        "comfyGone": "This ComfyUI is no longer there. Reload the page, or enter its folder.",
        "comfyEmpty": "Enter your ComfyUI folder, the one that contains custom_nodes.",
        "comfyRelative": "Enter the full path of the folder, including the root or drive; {given} isn't a full path.",
    }
)
