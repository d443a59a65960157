"""Which server makes the videos, from the environment, and what is allowed to it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gpu_worker.contract.errors import BackendFailed, BackendUnknown

RENDER_SECONDS_MAX = 3000.0
DOWNLOAD_SIZE_BYTES_MAX = 512 * 1024 * 1024


@dataclass(frozen=True)
class Configuration:
    """One server. `url` is what `/v1/videos` is appended to; `territories`: see `plans.Metadata`."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    territories: tuple[str, ...] = ()
    render_seconds_max: float = RENDER_SECONDS_MAX
    download_size_bytes_max: int = DOWNLOAD_SIZE_BYTES_MAX

    def __post_init__(self) -> None:
        """Refuse an address to which nobody's face may be sent.

        Raises:
            BackendFailed: neither https nor this machine, or with a password or a query in it.
        """
        if not is_safe(self.url):
            raise BackendFailed(what="videos-url")

    @property
    def host(self) -> str:
        """Return the server's host name, without port."""
        return urlsplit(self.url).hostname or ""


def from_environment() -> Configuration:
    """Return the server that the environment names.

    Raises:
        BackendUnknown: none: this worker does not have the backend.
        BackendFailed: an address that is refused.
    """
    known = os.environ
    url, model = known.get("WORKER_VIDEOS_URL", ""), known.get("WORKER_VIDEOS_MODEL", "")
    if not url or not model:
        raise BackendUnknown(backend="videos")
    return Configuration(
        url=url.rstrip("/"),
        model=model,
        api_key=known.get("WORKER_VIDEOS_API_KEY", ""),
        territories=tuple(known.get("WORKER_VIDEOS_TERRITORIES", "").replace(",", " ").split()),
    )


def is_safe(url: str) -> bool:
    """Return whether an address is https, or http on this machine, and nothing but an address."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
