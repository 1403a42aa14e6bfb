"""What a person may set: one strict class per job, presets, and settings that earlier versions wrote."""
