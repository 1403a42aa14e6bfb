"""What a person made and chose, in a SQLite database and a folder of images."""
