"""What all pages share: the open project, its jobs and their queue, the chosen model."""
