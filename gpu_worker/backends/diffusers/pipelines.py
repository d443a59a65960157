"""The only place that touches torch and diffusers. Everything is loaded from one folder, offline."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.backends.diffusers.families import Family
from gpu_worker.backends.diffusers.weights import Weights
from gpu_worker.plans import OnStep, ShouldCancel

LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "ftfy")
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    "DIFFUSERS_VERBOSITY": "error", "TRANSFORMERS_VERBOSITY": "error",
}  # fmt: skip
STAGE = "rendering"


class Stopped(Exception):
    """The work was called off between two steps. It never leaves this package."""


@dataclass(frozen=True)
class Made:
    """What a model made: RGB frames at its own size and rate, and sound, (channels, n), if it makes any."""

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32] | None
    rate_hz: int


def are_installed() -> bool:
    """Return whether the libraries are there. Imports none of them."""
    return all(find_spec(name) is not None for name in LIBRARIES)


def device_name() -> str:
    """Return what this process would compute on. Touches CUDA: call it in the job's process only."""
    os.environ.update(OFFLINE)
    import torch

    if torch.cuda.is_available():
        return f"cuda {torch.cuda.get_device_name(0)}, torch {torch.__version__}"
    return f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}"


def run(
    family: Family, *, weights: Weights, call: Mapping[str, Any], steps: int, seed: int,
    on_step: OnStep, should_cancel: ShouldCancel,
) -> Made:  # fmt: skip
    """Load the model, make one video and return it.

    Raises:
        Stopped: the work was called off; noticed before each layer, and after each step.
    """
    os.environ.update(OFFLINE)
    import torch

    pipe = _loaded(family, weights)

    def step_ended(
        _pipe: Any, step: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        if should_cancel():
            raise Stopped
        on_step(STAGE, min(1.0, (step + 1) / steps))
        return tensors

    def layer_begins(_layer: Any, _given: Any) -> None:
        if should_cancel():
            raise Stopped

    for layer in _layers(pipe):
        layer.register_forward_pre_hook(layer_begins)
    if should_cancel():
        raise Stopped
    with torch.inference_mode():
        made = pipe(
            **call,
            num_inference_steps=steps,
            generator=torch.Generator("cpu").manual_seed(seed),
            callback_on_step_end=step_ended,
            output_type="np",
        )
    frames = np.nan_to_num(np.asarray(made.frames[0], np.float32))
    sound, rate_hz = _sound(pipe, made)
    return Made((frames.clip(0, 1) * 255 + 0.5).astype(np.uint8), sound, rate_hz)


def _loaded(family: Family, weights: Weights) -> Any:
    """Return the pipeline on its device: bfloat16 on CUDA (its VAE in float32), float32 elsewhere."""
    import diffusers
    import torch

    has_cuda = torch.cuda.is_available()
    precision: Any = torch.float32
    if has_cuda:
        precision = {"default": torch.bfloat16, "vae": torch.float32}
    pipe = getattr(diffusers, family.pipeline).from_pretrained(
        str(weights.folder), local_files_only=True, use_safetensors=True, torch_dtype=precision
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to("cuda" if has_cuda else "cpu")


def _layers(pipe: Any) -> Iterator[Any]:
    """Yield the layers of every model in the pipeline: one step of a large model takes many seconds."""
    import torch

    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            for stack in part.modules():
                if isinstance(stack, torch.nn.ModuleList):
                    yield from stack


def _sound(pipe: Any, made: Any) -> tuple[NDArray[np.float32] | None, int]:
    audio = getattr(made, "audio", None)
    if audio is None:
        return None, 1
    samples = np.asarray(audio[0].float().cpu().numpy(), np.float32)
    return np.atleast_2d(samples), int(pipe.vocoder.config.output_sampling_rate)
