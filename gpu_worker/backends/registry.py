"""The backends of this worker, by name. Loaded when asked for, so that none costs what it is not used for."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from gpu_worker.contract.errors import BackendFailed, BackendUnknown, PermitTerritory
from gpu_worker.contract.job import Job
from gpu_worker.plans import Backend

# Each value names a callable that takes nothing and returns a Backend.
BACKENDS = {
    "studio": "gpu_worker.backends.studio.backend:Studio",
    "videos": "gpu_worker.backends.videos.backend:Videos",
    "ltx-video": "gpu_worker.backends.diffusers.backend:ltx_video",
    "ltx-2": "gpu_worker.backends.diffusers.backend:ltx_2",
    "wan-vace": "gpu_worker.backends.diffusers.backend:wan_vace",
}


def load(name: str) -> Backend:
    """Return the backend of that name.

    Raises:
        BackendUnknown: this worker does not have it; `reason` says what it lacks, where it knows the name.
    """
    if name not in BACKENDS:
        raise BackendUnknown(backend=name)
    module, _, factory = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(module), factory)())


def require_able(backend: Backend, *, job: Job) -> None:
    """Return if a backend can and may make a job.

    Raises:
        PermitTerritory: its licence does not cover where the job is for.
        BackendFailed: too many people, pixels or seconds for it.
    """
    allowed = backend.metadata.territories
    # An empty list is everywhere, on both sides.
    if allowed and (not job.territories or not set(job.territories) <= set(allowed)):
        raise PermitTerritory(backend=backend.metadata.name)
    able = backend.capabilities()
    if len(job.cast) > able.people_max:
        raise BackendFailed(what="people", people_max=able.people_max)
    if job.width_px * job.height_px > able.pixels_max:
        raise BackendFailed(what="pixels", pixels_max=able.pixels_max)
    if job.seconds > able.seconds_max:
        raise BackendFailed(what="seconds", seconds_max=able.seconds_max)
    if job.has_parent and not able.parent:
        raise BackendFailed(what="parent")
