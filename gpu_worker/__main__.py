"""`python -m gpu_worker`: start the worker. Its settings come from the environment."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run until told to stop. SIGTERM or SIGINT gives a running job back and ends within seconds."""
    # Imported here: each attempt's process reads this module again, and needs none of it.
    import structlog
    from celery import signals

    from gpu_worker import identity, logs, processes
    from gpu_worker.app import app, worker

    logs.configure()
    logger = structlog.get_logger("gpu_worker")
    known = worker.settings
    key = identity.load(known.key_file)
    if known.public_keys_dir is not None:
        identity.publish(key, folder=known.public_keys_dir)
    swept = processes.sweep(known.scratch_dir)
    app.conf.update(broker_url=known.broker_url, broker_transport_options=known.broker_options)

    @signals.worker_ready.connect(weak=False)
    def ready(**_: object) -> None:
        logger.info("worker.ready", swept=swept)
        print("gpu_worker: ready", flush=True)  # noqa: T201 -- what starters wait for.

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: object) -> None:
        worker.attempts.stop()

    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=threads",
            "--concurrency=1",
            f"--hostname=gpu-{os.getpid()}@local",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
