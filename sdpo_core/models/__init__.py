"""Foreign diffusion models behind one narrow interface, and the LoRA adapters on them."""
