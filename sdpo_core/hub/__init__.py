"""Fetching a model from the Hugging Face hub: the only thing that uses the network, and only when a person asks for it.

    plan.py      what would be fetched, how much it is, whether it fits the disk
    fetch.py     the job `download`: into the standard cache, which other tools share
    remote.py    single requests, and messages for what goes wrong with them

Weights come as safetensors; a pickle is never fetched. Names, addresses, login, requests and the cache's layout are
huggingface_hub's. Files are fetched here rather than by its `snapshot_download`, because that begins a file again after
every break, and one file is three quarters of SDXL.
"""
