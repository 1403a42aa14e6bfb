"""Untrusted image files: decoding, hashing, and the metadata they carry."""
