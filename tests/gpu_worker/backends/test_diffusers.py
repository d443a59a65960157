"""The diffusers backends: what is refused without weights, and tiny models of random weights that run.

Nothing here is downloaded: the models, their text encoders and their tokenizers are made on the spot.
Classes that need torch are skipped where it is not installed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_worker.backends import registry
from gpu_worker.backends.diffusers import families, fitting, pipelines, weights
from gpu_worker.backends.diffusers.backend import Diffusers
from gpu_worker.backends.diffusers.families import LTX_2, LTX_VIDEO, WAN_VACE, Family
from gpu_worker.backends.diffusers.weights import Absence, Unusable
from gpu_worker.contract.errors import (
    BackendFailed,
    BackendUnknown,
    CaptureUnreadable,
    ParentUnreadable,
)
from gpu_worker.plans import SAMPLE_RATE_HZ, Person, Plan
from tests.factories import worker

DESCRIPTION = {
    "name": "tiny/random", "version": "0.1", "licence": "Apache-2.0", "territories": ["DE", "FR"],
    "steps": 2,
}  # fmt: skip


def person(reference: str = "p1", *, who: int = 0, **changes: Any) -> Person:
    given: dict[str, Any] = {
        "cameo_ref": reference, "name": "Ada", "preferences": {"pronouns": "they"},
        "capture": worker.capture(who=who), **changes,
    }  # fmt: skip
    return Person(**given)


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "prompt": "a beach", "title": "", "frames": 15, "fps": 30, "width_px": 72,
        "height_px": 64, "seed": 1, "cast": (person(),), "parent": None, **changes,
    }  # fmt: skip
    return Plan(**given)


def folder_of(root: Path, family: Family, **changes: Any) -> Path:
    """Write a folder that looks like a model's, without being one."""
    folder = root / family.name
    (folder / "vae").mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(b"one")
    (folder / "vae" / "b.safetensors").write_bytes(b"two")
    (folder / weights.INDEX).write_text(json.dumps({"_class_name": family.pipeline}))
    (folder / weights.DESCRIPTION).write_text(json.dumps({**DESCRIPTION, **changes}))
    return folder


def made(able: Diffusers, asked: Plan) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    batches = list(able.render(asked, lambda *_: None, lambda: False).batches())
    sound = [batch.sound for batch in batches if batch.sound is not None]
    return np.concatenate([batch.frames for batch in batches]), np.concatenate(sound, axis=1)


class TestWeights:
    def test_digest_covers_every_weight_file_and_its_name(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, WAN_VACE)

        found = weights.read(folder, saved_as=WAN_VACE.saved_as)

        one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
        lines = f"{one}  a.safetensors\n{two}  vae/b.safetensors\n"
        assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()
        assert (found.name, found.version, found.licence) == ("tiny/random", "0.1", "Apache-2.0")
        assert (found.territories, found.steps, found.size_bytes) == (("DE", "FR"), 2, 6)

    def test_digest_changes_with_one_byte(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, WAN_VACE)
        before = weights.read(folder, saved_as=WAN_VACE.saved_as).sha256

        (folder / "a.safetensors").write_bytes(b"onf")

        assert weights.read(folder, saved_as=WAN_VACE.saved_as).sha256 != before

    @pytest.mark.parametrize(
        ("path", "text", "absence"),
        [
            ("countersign.json", "[]", Absence.DESCRIPTION),
            ("countersign.json", "{", Absence.DESCRIPTION),
            ("countersign.json", '"' + "x" * 70_000 + '"', Absence.DESCRIPTION),
            ("countersign.json", "{}", Absence.DESCRIPTION),
            ("model_index.json", '{"_class_name": "Other"}', Absence.INDEX),
            ("model_index.json", '{"_class_name": "LTX2Pipeline"}', Absence.INDEX),
            ("vae/pipeline.py", "", Absence.CODE),
        ],
    )
    def test_refuses_a_folder_with(
        self, tmp_path: Path, path: str, text: str, absence: Absence
    ) -> None:
        folder = folder_of(tmp_path, WAN_VACE)
        (folder / path).write_text(text)

        with pytest.raises(Unusable) as refused:
            weights.read(folder, saved_as=WAN_VACE.saved_as)

        assert refused.value.absence is absence

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": ""}, {"version": 1}, {"licence": "x" * 121}, {"territories": "DE"},
            {"territories": ["de"]}, {"steps": 0}, {"steps": True}, {"steps": 201}, {"more": 1},
        ],
    )  # fmt: skip
    def test_refuses_a_description_with(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        folder = folder_of(tmp_path, WAN_VACE, **changes)

        with pytest.raises(Unusable) as refused:
            weights.read(folder, saved_as=WAN_VACE.saved_as)

        assert refused.value.absence is Absence.DESCRIPTION

    def test_takes_pickles_for_no_weights(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, WAN_VACE)
        for file in folder.rglob("*.safetensors"):
            file.rename(file.with_suffix(".bin"))

        with pytest.raises(Unusable) as refused:
            weights.read(folder, saved_as=WAN_VACE.saved_as)

        assert refused.value.absence is Absence.WEIGHTS


class TestOffer:
    @pytest.mark.parametrize("name", ["ltx-video", "ltx-2", "wan-vace"])
    def test_says_why_it_has_none(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WORKER_MODELS_DIR", raising=False)

        with pytest.raises(BackendUnknown) as unset:
            registry.load(name)
        monkeypatch.setenv("WORKER_MODELS_DIR", str(tmp_path))
        with pytest.raises(BackendUnknown) as missing:
            registry.load(name)

        reasons = [refused.value.members["reason"] for refused in (unset, missing)]
        if pipelines.are_installed():
            assert reasons == ["models-folder-unset", "model-folder-missing"]
        else:
            assert reasons == ["library-missing"] * 2


class TestFamily:
    @pytest.mark.parametrize(
        ("family", "seconds", "frames"),
        [(WAN_VACE, 0.01, 1), (WAN_VACE, 1, 17), (WAN_VACE, 5, 81), (LTX_VIDEO, 1, 25),
         (LTX_VIDEO, 1.04, 33), (LTX_2, 1, 25)],
    )  # fmt: skip
    def test_makes_frames_of_the_models_grid(
        self, family: Family, seconds: float, frames: int
    ) -> None:
        assert family.frames(seconds=seconds) == frames

    def test_covers_the_seconds_that_it_offers(self) -> None:
        for family in (WAN_VACE, LTX_VIDEO, LTX_2):
            assert family.frames(seconds=family.frames_max / family.fps) == family.frames_max

    def test_makes_sizes_of_the_models_grid_and_shape(self) -> None:
        assert WAN_VACE.size(width_px=1920, height_px=1080) == (848, 480)
        assert WAN_VACE.size(width_px=64, height_px=64) == (64, 64)
        assert LTX_VIDEO.size(width_px=2, height_px=2) == (32, 32)

    def test_shows_ltx_a_person_or_a_parent_and_vace_all(self) -> None:
        picture = np.zeros((16, 16, 3), np.uint8)
        both = families.Sources((picture, picture), np.zeros((5, 16, 16, 3), np.uint8))

        vace = WAN_VACE.arguments(both)

        assert len(vace["reference_images"][0]) == 2
        assert len(vace["video"]) == 5
        assert set(LTX_VIDEO.arguments(both)) == {"frame_rate", "video", "strength"}
        assert set(LTX_VIDEO.arguments(families.Sources((picture,)))) == {"frame_rate", "image"}


class TestFitting:
    def test_covers_a_size_without_stretching(self) -> None:
        picture = np.zeros((100, 200, 3), np.uint8)
        picture[:, 50:150] = 255

        fitted = fitting.covering(picture, width_px=50, height_px=50)

        assert fitted.shape == (50, 50, 3)
        assert fitted[:, 2:-2].min() == 255

    def test_shows_the_frame_of_the_moment_and_stays_on_the_last(self) -> None:
        shown = [fitting.shown_at(one, fps=30, of_fps=15, count=3) for one in range(8)]

        assert shown == [0, 0, 1, 1, 2, 2, 2, 2]

    def test_finds_the_last_moment_that_has_come(self) -> None:
        assert [fitting.nearest([0.0, 0.1, 0.2], at) for at in (-1, 0.1, 0.15, 9)] == [0, 1, 1, 2]

    def test_brings_sound_to_stereo_at_48_khz_with_silence_after_it(self) -> None:
        tone = np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 100, dtype=np.float32)[None]

        fitted = fitting.sound(tone, rate_hz=16_000, samples=2 * SAMPLE_RATE_HZ)

        wanted = np.sin(np.arange(47_000) / SAMPLE_RATE_HZ * 2 * np.pi * 100)
        assert fitted.shape == (2, 2 * SAMPLE_RATE_HZ)
        assert np.abs(fitted[:, :47_000] - wanted).max() < 0.01
        assert not fitted[:, SAMPLE_RATE_HZ:].any()

    def test_is_silent_for_want_of_sound(self) -> None:
        assert not fitting.sound(None, rate_hz=1, samples=10).any()


def _t5() -> dict[str, Any]:
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    config = T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    vocabulary = [(piece, -float(number)) for number, piece in enumerate(pieces)]
    return {"tokenizer": T5Tokenizer(vocab=vocabulary), "text_encoder": T5EncoderModel(config)}


def _gemma() -> dict[str, Any]:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    config = Gemma3Config(
        text_config={
            "vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
        },
        mm_tokens_per_image=4, image_token_index=60, boi_token_index=61, eoi_token_index=62,
    )  # fmt: skip
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return {
        "tokenizer": GemmaTokenizer(vocab=vocabulary, merges=[]),
        "text_encoder": Gemma3ForConditionalGeneration(config),
    }


def _ltx_video() -> Any:
    from diffusers import (
        AutoencoderKLLTXVideo,
        FlowMatchEulerDiscreteScheduler,
        LTXPipeline,
        LTXVideoTransformer3DModel,
    )

    return LTXPipeline(
        transformer=LTXVideoTransformer3DModel(
            in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8,
            cross_attention_dim=32, num_layers=1, caption_channels=32,
        ),
        vae=AutoencoderKLLTXVideo(
            latent_channels=8, block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1,) * 5,
            decoder_layers_per_block=(1,) * 5, spatio_temporal_scaling=(True, True, False, False),
            decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False,) * 5, upsample_residual=(False,) * 4,
            upsample_factor=(1,) * 4, timestep_conditioning=False, patch_size=1, patch_size_t=1,
            encoder_causal=True, decoder_causal=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        **_t5(),
    )  # fmt: skip


def _ltx_2() -> Any:
    from diffusers import (
        AutoencoderKLLTX2Audio,
        AutoencoderKLLTX2Video,
        FlowMatchEulerDiscreteScheduler,
        LTX2Pipeline,
        LTX2VideoTransformer3DModel,
    )
    from diffusers.pipelines.ltx2 import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    heads = {
        f"{side}_connector_{name}": value
        for side in ("video", "audio")
        for name, value in (("num_attention_heads", 4), ("attention_head_dim", 8),
                            ("num_layers", 1), ("num_learnable_registers", None))
    }  # fmt: skip
    return LTX2Pipeline(
        transformer=LTX2VideoTransformer3DModel(
            in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8,
            cross_attention_dim=16, audio_in_channels=4, audio_out_channels=4,
            audio_num_attention_heads=2, audio_attention_head_dim=4, audio_cross_attention_dim=8,
            num_layers=2, caption_channels=32, rope_double_precision=False, rope_type="split",
        ),
        vae=AutoencoderKLLTX2Video(
            latent_channels=4, block_out_channels=(8,), decoder_block_out_channels=(8,),
            layers_per_block=(1,), decoder_layers_per_block=(1, 1), spatio_temporal_scaling=(True,),
            decoder_spatio_temporal_scaling=(True,), decoder_inject_noise=(False, False),
            downsample_type=("spatiotemporal",), upsample_residual=(False,), upsample_factor=(1,),
            timestep_conditioning=False, patch_size=1, patch_size_t=1, encoder_causal=True,
            decoder_causal=False,
        ),
        audio_vae=AutoencoderKLLTX2Audio(
            base_channels=4, output_channels=2, ch_mult=(1,), num_res_blocks=1,
            attn_resolutions=None, in_channels=2, resolution=32, latent_channels=2,
            norm_type="pixel", causality_axis="height", mid_block_add_attention=False,
            sample_rate=16_000, mel_hop_length=160, is_causal=True, mel_bins=8,
        ),
        vocoder=LTX2Vocoder(
            in_channels=16, hidden_channels=32, out_channels=2, upsample_kernel_sizes=[4, 4],
            upsample_factors=[2, 2], resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]],
            output_sampling_rate=16_000,
        ),
        connectors=LTX2TextConnectors(
            caption_channels=32, text_proj_in_factor=3, connector_rope_base_seq_len=32,
            rope_double_precision=False, causal_temporal_positioning=False, rope_type="split",
            **heads,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        **_gemma(),
    )  # fmt: skip


def _wan_vace() -> Any:
    from diffusers import (
        AutoencoderKLWan,
        FlowMatchEulerDiscreteScheduler,
        WanVACEPipeline,
        WanVACETransformer3DModel,
    )

    return WanVACEPipeline(
        transformer=WanVACETransformer3DModel(
            num_attention_heads=2, attention_head_dim=12, text_dim=32, ffn_dim=32, num_layers=3,
            rope_max_seq_len=32, vace_layers=[0, 2], vace_in_channels=96,
        ),
        vae=AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        **_t5(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Diffusers]:
    """Give a family's backend over a tiny model of random weights, saved once for the module."""
    for name in pipelines.LIBRARIES:
        pytest.importorskip(name)
    import torch

    root = tmp_path_factory.mktemp("models")
    makers = {"ltx-video": _ltx_video, "ltx-2": _ltx_2, "wan-vace": _wan_vace}

    def load(family: Family) -> Diffusers:
        folder = root / family.name
        if not folder.exists():
            torch.manual_seed(0)
            makers[family.name]().save_pretrained(folder, safe_serialization=True)
            (folder / weights.DESCRIPTION).write_text(json.dumps(DESCRIPTION))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WORKER_MODELS_DIR", str(root))
            loaded = registry.load(family.name)
        assert isinstance(loaded, Diffusers)
        return loaded

    return load


@pytest.mark.filterwarnings("ignore")  # The libraries deprecate parts of one another.
class TestRender:
    @pytest.mark.parametrize("family", [LTX_VIDEO, LTX_2, WAN_VACE], ids=lambda one: one.name)
    @pytest.mark.parametrize("source", ["text", "person", "parent"])
    def test_makes_the_plans_size_rate_and_length(
        self, able: Callable[[Family], Diffusers], family: Family, source: str
    ) -> None:
        cast = (person(),) if source == "person" else (person(capture=None),)
        parent = worker.capture() if source == "parent" else None

        frames, sound = made(able(family), plan(cast=cast, parent=parent))

        assert frames.shape == (15, 64, 72, 3)
        assert frames.dtype == np.uint8
        assert frames.std() > 0
        assert sound.shape == (2, SAMPLE_RATE_HZ // 2)
        assert sound.any() == (family is LTX_2 or source == "parent")

    def test_shows_several_people_beside_a_parent(
        self, able: Callable[[Family], Diffusers]
    ) -> None:
        cast = (person(), person("p2", who=1))
        model = able(WAN_VACE)

        alone, _ = made(model, plan(cast=cast))
        beside, _ = made(model, plan(cast=cast, parent=worker.capture()))
        other, _ = made(model, plan(cast=cast[:1]))

        assert not np.array_equal(alone, beside)
        assert not np.array_equal(alone, other)

    def test_repeats_a_seed_and_changes_with_another(
        self, able: Callable[[Family], Diffusers]
    ) -> None:
        model = able(LTX_VIDEO)

        first, again, other = (made(model, plan(seed=seed))[0] for seed in (1, 1, 2**53 - 1))

        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_tells_its_steps(self, able: Callable[[Family], Diffusers]) -> None:
        told: list[tuple[str, float]] = []
        model = able(WAN_VACE)

        clip = model.render(plan(), lambda *step: told.append(step), lambda: False)
        list(clip.batches())

        assert told[-2:] == [("rendering", 0.5), ("rendering", 1.0)]
        assert clip.device.startswith(("cpu", "cuda"))
        assert clip.preferences_applied == ()

    def test_stops_after_a_step(self, able: Callable[[Family], Diffusers]) -> None:
        told: list[str] = []

        clip = able(WAN_VACE).render(
            plan(), lambda stage, _: told.append(stage), lambda: "rendering" in told
        )

        assert list(clip.batches()) == []
        assert told.count("rendering") == 1

    def test_stops_within_a_step(self, able: Callable[[Family], Diffusers]) -> None:
        told: list[str] = []
        asked = count()

        clip = able(WAN_VACE).render(
            plan(), lambda stage, _: told.append(stage), lambda: next(asked) >= 3
        )

        assert list(clip.batches()) == []
        assert "rendering" not in told
        assert next(asked) == 4

    def test_refuses_what_it_cannot_be_shown(self, able: Callable[[Family], Diffusers]) -> None:
        two = (person(), person("p2", who=1))
        model = able(LTX_VIDEO)

        for refused, asked in (
            (BackendFailed, plan(cast=two)),
            (BackendFailed, plan(parent=worker.capture())),
            (CaptureUnreadable, plan(cast=(person(capture=b"no video"),))),
            (ParentUnreadable, plan(cast=(), parent=b"no video")),
        ):
            with pytest.raises(refused):
                model.render(asked, lambda *_: None, lambda: False)

    def test_says_what_it_is_and_costs(self, able: Callable[[Family], Diffusers]) -> None:
        model = able(WAN_VACE)

        small, large = model.estimate(plan()), model.estimate(plan(frames=150, width_px=1280))

        assert model.metadata.name == "wan-vace"
        assert model.metadata.model == "tiny/random"
        assert model.metadata.territories == ("DE", "FR")
        assert len(model.metadata.weights_sha256) == 64
        assert model.capabilities().people_max == 4
        assert small.seconds < large.seconds
        assert small.memory_bytes < large.memory_bytes
