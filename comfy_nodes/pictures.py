"""ComfyUI's IMAGE tensors as PNG files."""

import io
from typing import Any


def encode(images: Any) -> list[bytes]:
    """PNGs of an IMAGE batch (B, H, W, C), values 0 to 1, with the pixels that ComfyUI's own SaveImage would write."""
    from PIL import Image  # ComfyUI ships it; the pack's other modules do without

    encoded: list[bytes] = []
    for image in images:
        pixels = (image.detach().cpu().float() * 255).clamp(0, 255).byte().numpy()  # (H, W, C)
        buffer = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG", compress_level=4)
        encoded.append(buffer.getvalue())
    return encoded
