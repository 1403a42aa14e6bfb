"""Every error this project raises on purpose.

    SdpoError
    ├── ConfigError       a setting is unknown, out of range, or contradicts another
    ├── StoreError        the workspace or its database can't be used as asked
    │   ├── StoreTooNew       written by a newer version of the studio
    │   ├── ImageMissing      a recorded image is gone from disk
    │   └── ImageUnreadable   bytes that are not an image we can decode
    ├── ModelError        a model folder or file can't be loaded
    │   ├── ModelNotHere      a model of the Hub that isn't on this machine, or incomplete
    │   └── PredictionUnknown a file does not say what its network predicts, so a person is asked
    ├── DownloadError     a model can't be fetched from the hub
    ├── AdapterError      an adapter file can't be read, or does not fit the model
    ├── DataError         the votes can't be trained on (none, all ties, …)
    ├── RunError          a run folder is missing, broken, or already in use
    ├── ComfyUIError      a ComfyUI is not found, does not answer, or refuses what it is asked
    ├── ProjectError      a project can't be made, opened, written out or brought in as asked
    └── DiskError         the disk is full or refuses to write

A message is one or two sentences for the person at the screen: what was expected, what it got, what to do.
"""


class SdpoError(Exception):
    """Base of all deliberate errors; ``str(error)`` is fit to be shown to a person."""


class ConfigError(SdpoError):
    """A setting is unknown, out of range, or contradicts another."""


class StoreError(SdpoError):
    """The workspace or its database can't be used as asked."""


class StoreTooNew(StoreError):
    """The database was written by a newer version of the studio."""


class ImageMissing(StoreError):
    """A recorded image is gone from disk."""


class ImageUnreadable(StoreError):
    """Bytes that were given as an image can't be decoded as one."""


class ModelError(SdpoError):
    """A model folder or file can't be loaded."""


class ModelNotHere(ModelError):
    """A model of the Hub isn't on this machine, or is incomplete; it can be downloaded."""


class PredictionUnknown(ModelError):
    """A model's file does not say what its network predicts; a person has to say it once."""


class DownloadError(SdpoError):
    """A model can't be fetched from the hub."""


class AdapterError(SdpoError):
    """An adapter file can't be read, or does not fit the model."""


class DataError(SdpoError):
    """The recorded votes can't be trained on."""


class RunError(SdpoError):
    """A run folder is missing, broken, or in use by another process."""


class ComfyUIError(SdpoError):
    """A ComfyUI is not found, does not answer, or refuses what it is asked."""


class ProjectError(SdpoError):
    """A project can't be made, opened, written out or brought in as asked."""


class DiskError(SdpoError):
    """The disk is full or refuses to write."""
