"""The page Home: where the person stands, the machine, the projects, the phone."""
