"""Strings of the Home page: progress, the machine, projects, the phone."""

from app.ui.strings import Strings

say = Strings(
    {
        "page": "Home",
        # --- progress ---
        "home.loop": "Your progress",
        "home.next": "Next step",
        "home.working": "{name} is running. Meanwhile, you can vote on any pairs left, or close this page.",
        "home.look": "Show it",
        "home.allDone": "You're all caught up.",
        "home.machine": "This machine",
        "home.keepHouse": "Manage storage",
        "home.projects": "Projects",
        "home.projectsHint": (
            "A project keeps its own base model, prompts, votes and adapters, separate from other projects."
        ),
        "home.new": "New project",
        "home.newName": "Project name",
        "home.make": "Create",
        "home.import": "Import a zip",
        "home.importHint": "A zip exported from SDPO Studio. Its contents are checked first.",
        "home.uploading": "Uploading the zip: {percent} %",
        "home.checking": "Unpacking and verifying every image…",
        "home.lost": "The studio didn't respond. Try again.",
        "home.cancel": "Cancel",
        "home.open": "Open",
        "home.isOpen": "Open",
        "home.rename": "Rename",
        "home.renameLabel": "New name",
        "home.save": "Save",
        "home.export": "Export",
        "home.exporting": "Exporting…",
        "home.download": "Download the zip",
        "home.archive": "Archive",
        "home.unarchive": "Unarchive",
        "home.archived": "Archived projects ({count})",
        "home.opening": "Opening…",
        "home.loading": "Loading…",
        # The loop.
        "stage.model": "Base model",
        "stage.candidates": "Images",
        "stage.votes": "Votes",
        "stage.runs": "Training runs",
        "stage.adapters": "Adapters",
        "noImagesYet": "Generate some, or import your own",
        "waiting.one": "{n} pair waiting",
        "waiting.other": "{n} pairs waiting",
        "allVoted": "you've voted on every pair",
        "noVotes": "No votes yet",
        "moreVotes.one": "{n} more for a clear taste",
        "moreVotes.other": "{n} more for a clear taste",
        # Votes that can't train now, and what they lack.
        "aside.foreign.one": "{n} on images of another or an unknown model",
        "aside.foreign.other": "{n} on images of another or an unknown model",
        "aside.otherRound.one": "{n} of another round",
        "aside.otherRound.other": "{n} of other rounds",
        "aside.undecided.one": "{n} tie or skip",
        "aside.undecided.other": "{n} ties or skips",
        "enoughVotes": "enough to learn a clear taste",
        "noRun": "Nothing trained yet",
        "noAdapter": "Trained from your votes",
        "judged": "latest one tested",
        "notJudged": "latest one not tested yet",
        "modelTrouble": "can't be used",
        "demoModel": "tiny, for trying things out",
        "modelHint": "{family}, {size_px} px",
        "running": "running: step {step} of {total}",
        "newest": "latest: {state}",
        # --- this machine ---
        "noGpu": "No NVIDIA GPU found",
        "noGpuHint": "Everything also runs on the CPU, just slower.",
        "gpuHint": "{used} of {total} in use",
        "gpuBusyHint": "{used} of {total} in use, {busy} % busy",
        "disk": "Disk",
        "diskHint": "{free} free of {total}",
        # --- projects ---
        "sentZip": "The file",
        "tooLarge": "The zip is larger than the free space on the disk. Free some space, then try again.",
        "modelKnown": "Its base model, {name}, is on this machine and selected.",
        "modelEarlierDemo": (
            "It was made with an earlier version of the demo model. To train the current one on its votes, set "
            "“{field}” to “all”. New pairs work without that."
        ),
        "modelUnknown": "It was made with {name}. Select that model on the Generate page before you continue.",
        "exported": "{file} is ready ({size}).",
        "leftOut.one": "Left out {n} pair or adapter with missing or damaged files.",
        "leftOut.other": "Left out {n} pairs or adapters with missing or damaged files.",
        "imported": "Imported {name}: {facts}.",
        # --- the phone ---
        "phone.title": "On your phone",
        "phone.about": (
            "Vote from the sofa. The studio becomes available on your home network, behind a password, until you turn "
            "this off or close the studio."
        ),
        "phone.open": "Use on my phone",
        "phone.opening": "Opening…",
        "phone.address": "This computer's network address",
        "phone.scan": "Scan this code with your phone, or enter the address and password there.",
        "phone.codeAlt": "QR code with the address and password shown below",
        "phone.url": "Address",
        "phone.password": "Password",
        "phone.close": "Turn it off",
        "phone.careful": (
            "Phone and computer must be on the same network. Anyone with the password can do everything you can, and "
            "the connection isn't encrypted: use this at home, not in a café."
        ),
        "phone.lost": "The studio didn't respond. Try again.",
    }
)
