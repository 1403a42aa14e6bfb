"""ComfyUI: the node pack, a running server, and generating with a person's own workflow."""
