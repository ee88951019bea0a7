"""Further models of transformers, small: decoders, encoders and decoders, sound, images, both, and heads."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Any, ...]]
Row = tuple[str, str, dict[str, Any], dict[str, Tensor]]

_SMALL = {
    "vocab_size": 200,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
_DECODER = _SMALL | {"num_key_value_heads": 2, "head_dim": 16, "use_cache": False}
_GPT = {"vocab_size": 200, "n_embd": 64, "n_layer": 2, "n_head": 4, "use_cache": False, "pad_token_id": 0}
_BOTH = {
    "vocab_size": 200,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "max_position_embeddings": 64,
    "use_cache": False,
    "pad_token_id": 0,
}
_T5 = {"vocab_size": 200, "d_model": 64, "num_layers": 2, "num_heads": 4, "d_kv": 16, "d_ff": 128}
_IMAGES = _SMALL | {"image_size": 64}
_RESNET = {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 64, 128], "embedding_size": 16}

_DECODERS = """
Cohere Starcoder2 Olmo Granite Nemotron Persimmon Glm Glm4 Gemma3Text SmolLM3 Helium Ernie4_5 Arcee Lfm2
Apertus Ministral DiffLlama BioGpt XGLM Rwkv FalconMamba Jamba Qwen3Moe GptOss Llama4Text Phimoe MiniMax
"""
_ENCODERS = """
Ernie RobertaPreLayerNorm Data2VecText MegatronBert IBert LayoutLM XLM Flaubert Esm Splinter Deberta RemBert
"""
_BOTH_MODELS = "Bart MBart Pegasus Marian M2M100 Blenderbot PLBart BigBirdPegasus"
_SOUNDS = "WavLM UniSpeech SEW Data2VecAudio Wav2Vec2Conformer"


class Called(nn.Module):
    """The first tensor that a model gives for inputs by name."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *x: Tensor) -> Any:
        result = self.model(**dict(zip(self.names, x, strict=True)), return_dict=False)
        while isinstance(result, (tuple, list)):
            result = next(part for part in result if part is not None)
        return result


def _rows() -> dict[str, Row]:
    """Name -> configuration, model, options, inputs."""
    ids = torch.randint(3, 190, (1, 16))
    mask = (torch.arange(16) < 12).long()[None]
    text = {"input_ids": ids, "attention_mask": mask}
    pair = {"input_ids": ids, "decoder_input_ids": ids[:, :8].clone()}
    wave, image = {"input_values": torch.randn(1, 4000)}, {"pixel_values": torch.randn(1, 3, 64, 64)}
    rows: dict[str, Row] = {}
    for name in _DECODERS.split():
        rows[name] = (name, f"{name}Model", _DECODER, {"input_ids": ids})
    for name in _ENCODERS.split():
        rows[name] = (name, f"{name}Model", _SMALL | {"use_cache": False}, text)
    for name in _BOTH_MODELS.split():
        rows[name] = (name, f"{name}Model", _BOTH, pair)
    for name in _SOUNDS.split():
        rows[name] = (name, f"{name}Model", _SMALL, wave)
    for model in ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM"):
        rows[f"BertFor{model}"] = ("Bert", f"BertFor{model}", _SMALL, text)
    rows["XLNet"] = (
        "XLNet",
        "XLNetModel",
        {"vocab_size": 200, "d_model": 64, "n_layer": 2, "n_head": 4},
        text,
    )
    rows["GPT2LMHead"] = ("GPT2", "GPT2LMHeadModel", _GPT, text)
    rows["GPT2Classification"] = ("GPT2", "GPT2ForSequenceClassification", _GPT, text)
    rows["LlamaForCausalLM"] = ("Llama", "LlamaForCausalLM", _DECODER, text)
    attended = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    rows["DebertaV2Relative"] = ("DebertaV2", "DebertaV2ForSequenceClassification", _SMALL | attended, text)
    rows["Funnel"] = (
        "Funnel",
        "FunnelModel",
        {"vocab_size": 200, "block_sizes": [1, 1, 1], "d_model": 64},
        text,
    )
    rows["Falcon"] = (
        "Falcon",
        "FalconModel",
        {key: value for key, value in _DECODER.items() if key not in ("head_dim", "num_key_value_heads")},
        {"input_ids": ids},
    )
    for name in ("T5", "MT5"):
        rows[name + "Both"] = (name, f"{name}Model", _T5 | {"use_cache": False}, pair)
    ears = {"num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 32}
    heard = {"input_features": torch.randn(1, 16, 40), "decoder_input_ids": ids[:, :4].clone()}
    rows["Whisper"] = (
        "Whisper",
        "WhisperModel",
        _BOTH | ears | {"decoder_start_token_id": 1, "bos_token_id": 1, "eos_token_id": 2},
        heard,
    )
    rows["Wav2Vec2ForCTC"] = ("Wav2Vec2", "Wav2Vec2ForCTC", _SMALL, wave)
    rows["AST"] = (
        "AST",
        "ASTModel",
        _SMALL | {"max_length": 64, "num_mel_bins": 32},
        {"input_values": torch.randn(1, 64, 32)},
    )
    rows["HifiGan"] = (
        "SpeechT5HifiGan",
        "SpeechT5HifiGan",
        {"upsample_initial_channel": 32},
        {"spectrogram": torch.randn(1, 20, 80)},
    )
    for name in ("Beit", "Data2VecVision", "ViTMSN", "IJepa", "DINOv3ViT", "ViTMAE"):
        rows[name] = (name, f"{name}Model", _IMAGES, image)
    shallow = {"image_size": 64, "depths": [1, 1, 1, 1]}
    rows["Pvt"] = ("Pvt", "PvtModel", shallow, image)
    rows["PvtV2"] = ("PvtV2", "PvtV2Model", shallow, image)
    windows = {"image_size": 64, "embed_dim": 24, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4}
    rows["Swinv2"] = ("Swinv2", "Swinv2Model", windows, image)
    rows["ConvNextV2"] = (
        "ConvNextV2",
        "ConvNextV2Model",
        {"hidden_sizes": [16, 32, 64, 128], "depths": [1, 1, 1, 1]},
        image,
    )
    rows["RegNet"] = ("RegNet", "RegNetModel", _RESNET | {"groups_width": 8}, image)
    rows["Levit"] = (
        "Levit",
        "LevitModel",
        {
            "image_size": 64,
            "hidden_sizes": [32, 48, 64],
            "depths": [1, 1, 1],
            "num_attention_heads": [2, 3, 4],
        },
        image,
    )
    sam = {"global_attn_indexes": [1], "output_channels": 32, "window_size": 2}
    rows["SamVision"] = (
        "SamVision",
        "SamVisionModel",
        {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64} | sam,
        image,
    )
    towers = {"text_config": _SMALL, "vision_config": _IMAGES | {"patch_size": 16}}
    both = {"input_ids": ids} | image
    for name in ("CLIP", "Siglip", "Blip"):
        rows[name] = (
            name,
            f"{name}Model",
            towers | ({} if name == "Siglip" else {"projection_dim": 32}),
            both,
        )
    rows["Vilt"] = ("Vilt", "ViltModel", _IMAGES, both)
    video = {"pixel_values": torch.randn(1, 4, 3, 32, 32)}
    for name in ("VideoMAE", "Timesformer"):
        rows[name] = (name, f"{name}Model", _SMALL | {"image_size": 32, "num_frames": 4}, video)
    series = {"num_input_channels": 3, "context_length": 32, "patch_length": 8, "patch_stride": 8}
    rows["PatchTST"] = (
        "PatchTST",
        "PatchTSTModel",
        series | {"d_model": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "ffn_dim": 64},
        {"past_values": torch.randn(1, 32, 3)},
    )
    rows["PatchTSMixer"] = (
        "PatchTSMixer",
        "PatchTSMixerModel",
        series,
        {"past_values": torch.randn(1, 32, 3)},
    )
    return rows


def _made(name: str) -> Made:
    package = importlib.import_module("transformers")
    config, model, options, inputs = _rows()[name]
    network = getattr(package, model)(getattr(package, f"{config}Config")(**options)).eval()
    return Called(network, list(inputs)), tuple(inputs.values())


def hugging_networks() -> dict[str, Callable[[], Made]]:
    """Name -> what makes the network and its inputs."""
    return {f"transformers/{name}": lambda name=name: _made(name) for name in _rows()}
