"""Signed notes and verifier keys, with the known answers of Go's `note` package and C2SP."""

from __future__ import annotations

import pytest

from ledger.log import notes
from ledger.log.notes import NoteMalformed, SignatureInvalid, Signer, VerifierKeyMalformed

# From the documentation of golang.org/x/mod/sumdb/note (BSD licence): a key and what it signed.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)
SEED = bytes(range(32))


def signer(name: str = "example.com/log") -> Signer:
    return Signer.of_seed(name, SEED)


def note(text: str = "hello\n") -> notes.Note:
    return notes.Note(text, (signer().sign(text),))


class TestParseVkey:
    @pytest.mark.parametrize(
        "text", ["example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", PETER]
    )
    def test_reads_known_keys_and_writes_them_back(self, text: str) -> None:
        assert notes.parse_vkey(text).encode() == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "example.com/foo",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
            "example.com/foo+530d903a+AOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "ex ample+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+ü",
        ],
    )
    def test_refuses_what_is_not_one(self, text: str) -> None:
        with pytest.raises(VerifierKeyMalformed):
            notes.parse_vkey(text)


class TestSigner:
    def test_refuses_a_name_that_no_note_can_carry(self) -> None:
        with pytest.raises(VerifierKeyMalformed):
            signer("two words")


class TestVerify:
    def test_accepts_a_note_that_others_signed(self) -> None:
        found = notes.verify(notes.parse(PETERS_NOTE.encode()), [notes.parse_vkey(PETER)])

        assert [key.name for key in found] == ["PeterNeumann"]

    def test_refuses_it_once_a_letter_changed(self) -> None:
        changed = notes.parse(PETERS_NOTE.replace("answer", "Answer").encode())

        with pytest.raises(SignatureInvalid):
            notes.verify(changed, [notes.parse_vkey(PETER)])

    def test_ignores_lines_of_unknown_keys(self) -> None:
        both = notes.Note("hi\n", (signer("other.example").sign("no\n"), signer().sign("hi\n")))

        assert notes.verify(both, [signer().verifier]) == [signer().verifier]

    def test_refuses_a_note_of_unknown_keys_only(self) -> None:
        with pytest.raises(SignatureInvalid):
            notes.verify(note(), [signer("other.example").verifier])

    def test_does_not_take_a_cosigners_key_for_a_signers(self) -> None:
        cosigner = Signer.of_seed("example.com/log", SEED, notes.COSIGNATURE)

        with pytest.raises(SignatureInvalid):
            notes.verify(note(), [cosigner.verifier])


class TestParse:
    def test_reads_back_what_was_written(self) -> None:
        assert notes.parse(note("a\n\nb\n").encode()) == note("a\n\nb\n")

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"text\n",
            b"text\n\n",
            "text\n\n— a AAAAAAE=".encode(),
            "text\n\n— a\n".encode(),
            "text\n\n— a AAAA\n".encode(),
            "text\n\n— a+b AAAAAAE=\n".encode(),
            "text\n\n— a b c\n".encode(),
            "text\n\n— a *\n".encode(),
            b"text\n\n- a AAAAAAE=\n",
            "te\x00xt\n\n— a AAAAAAE=\n".encode(),
            "te\rxt\n\n— a AAAAAAE=\n".encode(),
            b"\xff\n\n\xe2\x80\x94 a AAAAAAE=\n",
            ("text\n\n" + "— a AAAAAAE=\n" * 101).encode(),
            b"a" * 1_000_001,
        ],
    )
    def test_refuses_what_is_not_a_note(self, data: bytes) -> None:
        with pytest.raises(NoteMalformed):
            notes.parse(data)
