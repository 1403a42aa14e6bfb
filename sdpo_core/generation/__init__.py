"""From a recipe to an image, and the job that generates pairs."""
