"""ComfyUI: the node pack, a running server, and drawing with a person's own workflow."""
