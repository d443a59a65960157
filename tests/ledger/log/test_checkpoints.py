"""Checkpoints, cosignatures, proof files."""

from __future__ import annotations

import base64

import pytest

from ledger.log import checkpoints, merkle, notes
from ledger.log.checkpoints import Checkpoint, CheckpointMalformed, Proof, ProofMalformed
from ledger.log.notes import Note, SignatureInvalid, Signer

LOG = Signer.of_seed("example.com/log", bytes(range(32)))
WITNESS = Signer.of_seed("witness.example", bytes(range(1, 33)), notes.COSIGNATURE)
ROOT = merkle.leaf_hash(b"one")
CHECKPOINT = Checkpoint(LOG.name, 1, ROOT)
ROOT_LINE = base64.b64encode(ROOT).decode()


def signed(checkpoint: Checkpoint = CHECKPOINT, signer: Signer = LOG) -> bytes:
    return Note(checkpoint.text(), (signer.sign(checkpoint.text()),)).encode()


class TestParse:
    def test_reads_back_what_was_written(self) -> None:
        assert checkpoints.parse(CHECKPOINT.text()) == CHECKPOINT

    def test_ignores_extension_lines(self) -> None:
        assert checkpoints.parse(CHECKPOINT.text() + "more\n") == CHECKPOINT

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a\n1\n",
            f"a\n01\n{ROOT_LINE}\n",
            f"a\n-1\n{ROOT_LINE}\n",
            f"a\n\u0661\n{ROOT_LINE}\n",
            f"a\n{2**63}\n{ROOT_LINE}\n",
            f"a\n0\n{ROOT_LINE}\n",
            f"a\n1\n{base64.b64encode(merkle.EMPTY_ROOT).decode()}\n",
            f"\n1\n{ROOT_LINE}\n",
            f"a\n1\n{ROOT_LINE}",
            f"a\n1\n{ROOT_LINE[:-4]}\n",
            f"a\n1\n{ROOT_LINE}\n\n",
            "a\n1\n!\n",
        ],
    )
    def test_refuses_what_is_not_one(self, text: str) -> None:
        with pytest.raises(CheckpointMalformed):
            checkpoints.parse(text)


class TestOpened:
    def test_gives_the_checkpoint_that_the_log_signed(self) -> None:
        checkpoint, _ = checkpoints.opened(signed(), log=LOG.verifier)

        assert checkpoint == CHECKPOINT

    def test_refuses_another_signer(self) -> None:
        other = Signer.of_seed(LOG.name, bytes(32))

        with pytest.raises(SignatureInvalid):
            checkpoints.opened(signed(signer=other), log=LOG.verifier)

    def test_refuses_another_logs_name_under_the_same_key(self) -> None:
        with pytest.raises(SignatureInvalid):
            checkpoints.opened(signed(Checkpoint("example.com/two", 1, ROOT)), log=LOG.verifier)


class TestCosignature:
    def test_tells_when_it_was_made(self) -> None:
        line = checkpoints.cosign(WITNESS, text=CHECKPOINT.text(), unix_time_s=1_679_315_147)

        found = checkpoints.verify_cosignature(
            WITNESS.verifier, text=CHECKPOINT.text(), signature=line
        )

        assert found == 1_679_315_147
        assert len(line.value) == 72

    def test_is_found_in_a_note_among_others(self) -> None:
        text = CHECKPOINT.text()
        line = checkpoints.cosign(WITNESS, text=text, unix_time_s=5)
        note = notes.parse(Note(text, (LOG.sign(text), line)).encode())

        assert checkpoints.witnesses_of(note, [WITNESS.verifier]) == {"witness.example": 5}

    @pytest.mark.parametrize("changed", ["text", "time", "key", "length", "far-future"])
    def test_is_refused_when_anything_differs(self, changed: str) -> None:
        line = checkpoints.cosign(WITNESS, text=CHECKPOINT.text(), unix_time_s=5)
        value = {
            "time": (6).to_bytes(8, "big") + line.value[8:],
            "length": line.value + b"\0",
            "far-future": b"\xff" * 8 + line.value[8:],
        }.get(changed, line.value)
        key = LOG.verifier if changed == "key" else WITNESS.verifier
        text = CHECKPOINT.text() + ("x\n" if changed == "text" else "")

        with pytest.raises(SignatureInvalid):
            checkpoints.verify_cosignature(
                key, text=text, signature=notes.Signature(line.name, line.key_id, value)
            )


class TestProof:
    def test_is_read_back(self) -> None:
        proof = Proof(73_894, (ROOT, bytes(32)), signed())

        assert proof.encode().startswith("c2sp.org/tlog-proof@v1\nindex 73894\n")
        assert checkpoints.parse_proof(proof.encode()) == proof

    def test_of_a_tree_of_one_has_no_hashes(self) -> None:
        assert checkpoints.parse_proof(Proof(0, (), signed()).encode()).hashes == ()

    def test_may_carry_extra_data_that_nobody_trusts(self) -> None:
        text = Proof(0, (), signed()).encode().replace("index", "extra YQ==\nindex")

        assert checkpoints.parse_proof(text).index == 0

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("tlog-proof@v1", "tlog-proof@v2"),
            ("index 7", "index 07"),
            ("index 7", "index -7"),
            ("index 7", "place 7"),
            ("index 7\n", ""),
            (ROOT_LINE + "\n\n", "AAAA\n\n"),
            (ROOT_LINE + "\n\n", ROOT_LINE + "\n"),
            (ROOT_LINE + "\n\n", (ROOT_LINE + "\n") * 64 + "\n"),
        ],
    )
    def test_is_refused_when_malformed(self, old: str, new: str) -> None:
        text = Proof(7, (ROOT,), signed()).encode().replace(old, new, 1)

        with pytest.raises(ProofMalformed):
            checkpoints.parse_proof(text)
