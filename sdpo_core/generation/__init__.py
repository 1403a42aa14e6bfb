"""From a recipe to an image, and the job that draws pairs."""
