"""Prompts -> conditioning: one encoder for generating, training and blind tests, with one CLIP text encoder or two.

A prompt that is too long for the encoder is cut into chunks of (L − 2) tokens, each encoded with its own start and end
token; their hidden states are concatenated. A token's weight w moves its hidden state along the line
from what the empty prompt has at that place: z ← z_∅ + w·(z − z_∅). That is ComfyUI's rule, and ComfyUI is where the
adapters are used; A1111's rescaling to the old mean divides by a number that may be near 0, and lets one word change
all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sdpo_core.errors import ModelError
from sdpo_core.models.family import Conditioning
from sdpo_core.prompts.weights import Fragment, parse_prompt

_BATCH = 64  # chunks that go through a text encoder at a time


class TextPart(NamedTuple):
    """A text encoder with the tokenizer that was trained with it."""

    tokenizer: Any  # a CLIPTokenizer
    encoder: Any  # a CLIPTextModel, or a CLIPTextModelWithProjection


class _Chunk(NamedTuple):
    """Tokens that go through the text encoder together."""

    ids: list[int]  # L
    weights: list[float]  # L


class _Encoded(NamedTuple):
    states: Tensor  # (M, L, D) float32
    pooled: Tensor | None  # (M, P) float32


@dataclass(frozen=True)
class PromptEncoder:
    """The text encoders of a model, as the family uses them."""

    parts: tuple[TextPart, ...]  # their hidden states are concatenated: D is the sum of their widths
    default_clip_skip: int  # which hidden state, counted from the last (1)
    final_norm: bool  # that state goes through the text encoder's final norm
    pooled: bool = False  # the last part's projection belongs to the conditioning
    zero_empty: bool = False  # the empty prompt is zeros

    def encode(self, prompts: Sequence[str], clip_skip: int | None, device: torch.device) -> Conditioning:
        """Conditioning of each prompt, without time ids; all rows are repeated to one length.

        Raises `ModelError` when a text encoder has fewer layers than `clip_skip` asks for.
        """
        skip = clip_skip or self.default_clip_skip
        parsed = [parse_prompt(prompt).parts for prompt in prompts]
        cut = [[_chunks(part, sections) for sections in parsed] for part in self.parts]  # [part][prompt][chunk]
        # Two tokenizers may cut a prompt differently; the shorter of the two gets empty chunks.
        lengths = [max(len(chunks) for chunks in same) for same in zip(*cut, strict=True)]
        encoded = [
            self._encode(
                part,
                [c for chunks, n in zip(mine, lengths, strict=True) for c in (chunks + [_chunk(part)] * n)[:n]],
                skip,
                device,
            )
            for part, mine in zip(self.parts, cut, strict=True)
        ]
        states = torch.cat([of_part.states for of_part in encoded], dim=2)  # (ΣC, L, D)
        pooled = encoded[-1].pooled if self.pooled else None
        rows: list[Conditioning] = []
        for sections, n, end in zip(parsed, lengths, torch.tensor(lengths).cumsum(0).tolist(), strict=True):
            context = states[end - n : end].flatten(0, 1)[None]  # (1, C·L, D)
            first = (
                None if pooled is None else pooled[end - n : end - n + 1]
            )  # (1, P): the first chunk's stands for all
            row = Conditioning(context, first)
            rows.append(row.map(torch.zeros_like) if self.zero_empty and not sections else row)
        return Conditioning.cat(rows)

    def release(self) -> None:
        """Move the text encoders to main memory; the next use brings them back."""
        for part in self.parts:
            part.encoder.to("cpu")

    def _encode(self, part: TextPart, chunks: Sequence[_Chunk], skip: int, device: torch.device) -> _Encoded:
        layers = int(part.encoder.config.num_hidden_layers)
        if skip > layers:
            raise ModelError(
                f"clip_skip {skip} asks for a layer that doesn't exist: the model's text encoder has {layers}. Choose "
                f"at most {layers}."
            )
        part.encoder.to(device)
        ids = [chunk.ids for chunk in chunks]
        done = [self._run(part, ids[i : i + _BATCH], skip, device) for i in range(0, len(ids), _BATCH)]
        states = torch.cat([encoded.states for encoded in done])
        pooled = [encoded.pooled for encoded in done if encoded.pooled is not None]
        weights = torch.tensor([chunk.weights for chunk in chunks], device=device)[..., None]  # (M, L, 1)
        if bool((weights != 1).any()):  # elsewhere not even the last bit may change
            empty = self._run(part, [_chunk(part).ids], skip, device).states  # (1, L, D)
            states = torch.where(weights == 1, states, empty + weights * (states - empty))
        return _Encoded(states, torch.cat(pooled) if pooled else None)

    @torch.no_grad()
    def _run(self, part: TextPart, ids: Sequence[list[int]], skip: int, device: torch.device) -> _Encoded:
        found = part.encoder(torch.tensor(ids, device=device), output_hidden_states=True)
        state = found.hidden_states[-skip]  # even the last one is from before the final norm
        if self.final_norm:
            state = part.encoder.final_layer_norm(state)
        projected = self.pooled and part is self.parts[-1]
        return _Encoded(state.float(), found.text_embeds.float() if projected else None)


def _chunks(part: TextPart, sections: Sequence[Sequence[Fragment]]) -> list[_Chunk]:
    """A prompt's chunks; one for the empty prompt."""
    size = int(part.encoder.config.max_position_embeddings) - 2
    chunks: list[_Chunk] = []
    for section in sections:
        tokens = [
            (token, weight)
            for text, weight in section
            for token in part.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        ]
        chunks.extend(_chunk(part, tokens[start : start + size]) for start in range(0, max(len(tokens), 1), size))
    return chunks or [_chunk(part)]


def _chunk(part: TextPart, tokens: Sequence[tuple[int, float]] = ()) -> _Chunk:
    """Start token, `tokens` with their weights, end token, padding."""
    tokenizer, length = part.tokenizer, int(part.encoder.config.max_position_embeddings)
    padding = length - 2 - len(tokens)
    ids = [tokenizer.bos_token_id, *(token for token, _ in tokens), tokenizer.eos_token_id]
    return _Chunk(
        ids + [tokenizer.pad_token_id] * padding, [1.0, *(weight for _, weight in tokens), *[1.0] * (padding + 1)]
    )
