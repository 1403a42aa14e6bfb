"""Who may talk to the studio, and what it sends."""
