"""Letting outsiders see a checkpoint: cosignatures first, then static files, the checkpoint last.

Every step can be repeated: files are derived from the rows, and replaced whole.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from pathlib import Path

import structlog

from ledger.db import use_case
from ledger.errors import CountersignError
from ledger.log import checkpoints, merkle, notes, queries, tiles
from ledger.log.gateway import Witness, WitnessConflict
from ledger.log.models import Checkpoint, Cosignature, Publication
from ledger.log.notes import Signature, VerifierKey
from ledger.log.sequencing import LogInconsistent, nothing

logger = structlog.get_logger(__name__)

CHECKPOINT = "checkpoint"
VKEY = "vkey"
FLUSHED_ONE_BY_ONE_MAX = 16  # More files are flushed together, by one sync of the machine.
ROUNDS_MAX = 3  # A conflict tells the size to try again with; twice is enough.
REST_S = 10.0  # A witness that failed is left alone for so long.


class Cosigners:
    """The configured witnesses, what they have seen of us, and who is resting after a failure."""

    def __init__(self, witnesses: Sequence[Witness], *, deadline_s: float) -> None:
        self._witnesses, self._deadline_s = tuple(witnesses), deadline_s
        self._seen: dict[str, int] = {}
        self._resting_until: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(max_workers=max(len(self._witnesses), 1))

    def __len__(self) -> int:
        return len(self._witnesses)

    def ask(self, note: bytes, *, size: int) -> list[Signature]:
        """Return the cosignatures that came before the deadline. No transaction may be open."""
        ends = time.monotonic() + self._deadline_s
        asked = [
            witness
            for witness in self._witnesses
            if self._resting_until.get(witness.key.name, 0.0) <= time.monotonic()
        ]
        got: list[Signature] = []
        for _round in range(ROUNDS_MAX):
            if not asked or time.monotonic() >= ends:
                break
            asked = self._ask_once(asked, note, size=size, ends=ends, got=got)
        return got

    def close(self) -> None:
        """Ask nobody any more; what was asked ends with its own timeout."""
        self._pool.shutdown(cancel_futures=True)

    def _ask_once(
        self,
        asked: Sequence[Witness],
        note: bytes,
        *,
        size: int,
        ends: float,
        got: list[Signature],
    ) -> list[Witness]:
        """Ask each once, together. Returns those that told another size, to be asked again."""
        left_s = max(ends - time.monotonic(), 0.01)
        futures = {}
        for witness in asked:
            old_size = self._seen.get(witness.key.name, 0)
            proof = merkle.consistency_proof(old_size=old_size, size=size, read=queries.read_tile)
            futures[
                self._pool.submit(
                    witness.add_checkpoint,
                    old_size=old_size,
                    proof=proof,
                    note=note,
                    timeout_s=left_s,
                )
            ] = witness
        again = []
        for future, witness in futures.items():
            name = witness.key.name
            try:
                got.append(future.result(timeout=max(ends - time.monotonic(), 0.01)))
                self._seen[name] = size
            except WitnessConflict as conflict:
                if conflict.size > size or conflict.size == self._seen.get(name, 0):
                    logger.error("log.witness_saw_another_log", witness=name, size=conflict.size)
                    self._rest(name)
                else:
                    self._seen[name] = conflict.size
                    again.append(witness)
            except (CountersignError, FutureTimeout) as exc:
                code = exc.code if isinstance(exc, CountersignError) else "timeout"
                logger.warning("log.witness_failed", witness=name, code=code)
                self._rest(name)
        return again

    def _rest(self, name: str) -> None:
        self._resting_until[name] = time.monotonic() + REST_S


def release(
    *,
    folder: Path,
    log: VerifierKey,
    cosigners: Cosigners,
    quorum: int,
    now: Callable[[], datetime],
    at_step: Callable[[str], None] = nothing,
) -> int | None:
    """Cosign and publish the newest checkpoint, unless it is published. Returns its size, or None.

    Without a quorum it is published all the same, and that is logged: a witness that is down must
    not hold up consent. Whoever relies on a proof asks for the cosignatures that they want.
    """
    newest = Checkpoint.objects.order_by("-tree_size").first()
    if newest is None or Publication.objects.filter(checkpoint=newest).exists():
        return None
    signatures = cosigners.ask(bytes(newest.note), size=newest.tree_size)
    if len(signatures) < quorum:
        logger.warning("log.quorum_missed", tree_size=newest.tree_size, got=len(signatures))
    at_step("cosigned")
    note_cosignatures(newest, signatures, at=now())
    at_step("cosignatures-kept")
    note = cosigned_note(newest)
    write_files(folder, note=note, size=newest.tree_size, log=log, at_step=at_step)
    at_step("files-published")
    Publication.objects.create(checkpoint=newest, note=note, published_at=now())
    return newest.tree_size


@use_case
def note_cosignatures(
    checkpoint: Checkpoint, signatures: Sequence[Signature], *, at: datetime
) -> None:
    """Keep cosignatures; the first of each witness stays."""
    Cosignature.objects.bulk_create(
        [
            Cosignature(checkpoint=checkpoint, witness=item.name, line=item.line(), signed_at=at)
            for item in signatures
        ],
        ignore_conflicts=True,
    )


def cosigned_note(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint's note with the cosignatures that are kept, by witness."""
    lines = checkpoint.cosignatures.order_by("witness").values_list("line", flat=True)
    return bytes(checkpoint.note) + "".join(lines).encode()


def write_files(
    folder: Path,
    *,
    note: bytes,
    size: int,
    log: VerifierKey,
    at_step: Callable[[str], None] = nothing,
    progress: Callable[[int], None] = lambda count: None,
) -> None:
    """Bring a folder of static files up to the tree of `size`, whatever it holds now.

    Full tiles are written once; partial ones of the tree of `size`; then the checkpoint; then the
    partial tiles that have become full are deleted.

    Raises:
        LogInconsistent: the folder holds a checkpoint of another history of this log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / VKEY, f"{log.encode()}\n".encode())
    old_size = published_size(folder, log=log)
    if old_size > size:
        raise LogInconsistent(
            f"{folder} holds a checkpoint of size {old_size}; the database has only {size}"
        )
    wanted = list(tiles.names(old_size=old_size, size=size))
    are_many = len(wanted) > FLUSHED_ONE_BY_ONE_MAX
    for count, (name, data) in enumerate(queries.read_many(wanted)):
        replace(folder / name.path(), data, is_flushed=not are_many)
        progress(count + 1)
    if are_many:
        os.sync()
    else:
        for parent in {(folder / name.path()).parent for name in wanted}:
            _sync_folder(parent)
    at_step("tiles-published")
    replace(folder / CHECKPOINT, note)
    _sync_folder(folder)
    at_step("checkpoint-published")
    for name in wanted:
        if name.is_full:
            partial = folder / f"{name.path()}.p"
            shutil.rmtree(partial, ignore_errors=True)


def published_size(folder: Path, *, log: VerifierKey) -> int:
    """Return the size of the checkpoint in a folder of static files, 0 when there is none.

    Raises:
        LogInconsistent: it is of another log, or of another history of this one.
    """
    try:
        data = (folder / CHECKPOINT).read_bytes()
    except FileNotFoundError:
        return 0
    try:
        head, _ = checkpoints.opened(data, log=log)
    except (notes.NoteMalformed, notes.SignatureInvalid, checkpoints.CheckpointMalformed) as exc:
        raise LogInconsistent(f"{folder} holds another log's checkpoint") from exc
    ours = Checkpoint.objects.filter(tree_size=head.size).first()
    if ours is None or bytes(ours.root_hash) != head.root:
        raise LogInconsistent(
            f"{folder} holds a checkpoint of size {head.size} that is not in the database"
        )
    return head.size


def replace(path: Path, data: bytes, *, is_flushed: bool = True) -> None:
    """Write a whole file, so that a reader sees the old or the new one, never a part.

    It is on the disk when this returns, unless the caller flushes many at once.

    There is one writer, so what a crash left half-written is written over the next time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".new-{path.name}")
    with scratch.open("wb") as file:
        file.write(data)
        if is_flushed:
            file.flush()
            os.fsync(file.fileno())
    scratch.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
