"""Networks of packages that people use, with random weights, at small sizes.

A package that is not installed gives no networks. All of them import torchvision, whose library does not load
beside a PyTorch without CUDA: its operators are then declared, not implemented, which is enough for networks
that do not call them.
"""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import pathlib
import re
from collections.abc import Callable
from typing import Any

import torch
from hugging import hugging_networks
from torch import nn

Made = tuple[nn.Module, tuple[Any, ...]]
Maker = Callable[[], Made]

_FILE = configparser.ConfigParser()
_FILE.read(pathlib.Path(__file__).with_name("names.ini"))


def _names(package: str, group: str) -> list[str]:
    return _FILE[package][group].split()


_SMALL = {
    "vocab_size": 200,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
}
_DECODER = _SMALL | {"num_key_value_heads": 2, "head_dim": 16, "pad_token_id": 0, "use_cache": False}
# Of transformers: configuration, model, what differs from the defaults.
TOKENS: dict[str, tuple[str, dict[str, Any]]] = {
    "Bert": ("BertModel", _SMALL),
    "DistilBert": (
        "DistilBertModel",
        {"vocab_size": 200, "dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128},
    ),
    "Roberta": ("RobertaModel", _SMALL),
    "XLMRoberta": ("XLMRobertaModel", _SMALL),
    "Albert": ("AlbertModel", _SMALL | {"embedding_size": 32}),
    "Electra": ("ElectraModel", _SMALL | {"embedding_size": 32}),
    "MobileBert": ("MobileBertModel", {"vocab_size": 200, "num_hidden_layers": 2}),
    "SqueezeBert": ("SqueezeBertModel", _SMALL | {"embedding_size": 64}),
    "MPNet": ("MPNetModel", _SMALL),
    "DebertaV2": ("DebertaV2Model", _SMALL),
    "RoFormer": ("RoFormerModel", _SMALL | {"embedding_size": 64}),
    "Nystromformer": ("NystromformerModel", _SMALL),
    "FNet": ("FNetModel", _SMALL),
    "ModernBert": ("ModernBertModel", _SMALL | {"pad_token_id": 0, "_attn_implementation": "sdpa"}),
    "GPT2": ("GPT2Model", {"vocab_size": 200, "n_embd": 64, "n_layer": 2, "n_head": 4, "use_cache": False}),
    "GPTNeo": (
        "GPTNeoModel",
        {"vocab_size": 200, "hidden_size": 64, "num_layers": 2, "num_heads": 4, "use_cache": False}
        | {"attention_types": [[["global", "local"], 1]]},
    ),
    "GPTNeoX": ("GPTNeoXModel", _SMALL | {"use_cache": False}),
    "OPT": ("OPTModel", _SMALL | {"ffn_dim": 128, "word_embed_proj_dim": 64, "use_cache": False}),
    "Bloom": (
        "BloomModel",
        {"vocab_size": 200, "hidden_size": 64, "n_layer": 2, "n_head": 4, "use_cache": False},
    ),
    "Llama": ("LlamaModel", _DECODER),
    "Mistral": ("MistralModel", _DECODER),
    "Qwen2": ("Qwen2Model", _DECODER),
    "Qwen3": ("Qwen3Model", _DECODER),
    "Phi": ("PhiModel", _DECODER),
    "Gemma": ("GemmaModel", _DECODER),
    "StableLm": ("StableLmModel", _DECODER),
    "Gemma2": ("Gemma2Model", _DECODER),
    "Olmo2": ("Olmo2Model", _DECODER),
    "Phi3": ("Phi3Model", _DECODER),
    "Mixtral": ("MixtralModel", _DECODER | {"num_local_experts": 4}),
    "Qwen2Moe": (
        "Qwen2MoeModel",
        _DECODER
        | {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64}
        | {"num_experts_per_tok": 2},
    ),
    "Mamba": (
        "MambaModel",
        {"vocab_size": 200, "hidden_size": 64, "num_hidden_layers": 2, "use_cache": False},
    ),
    "BigBird": ("BigBirdModel", _SMALL),
    "Camembert": ("CamembertModel", _SMALL),
    "ConvBert": ("ConvBertModel", _SMALL | {"embedding_size": 64}),
    "T5": (
        "T5EncoderModel",
        {"vocab_size": 200, "d_model": 64, "num_layers": 2, "num_heads": 4, "d_kv": 16, "d_ff": 128},
    ),
    "CLIPText": ("CLIPTextModel", _SMALL),
}
PIXELS: dict[str, tuple[str, dict[str, Any]]] = {
    "ViT": ("ViTModel", _SMALL | {"image_size": 64}),
    "DeiT": ("DeiTModel", _SMALL | {"image_size": 64}),
    "Dinov2": ("Dinov2Model", _SMALL | {"image_size": 56}),
    "CLIPVision": ("CLIPVisionModel", _SMALL | {"image_size": 64, "patch_size": 16}),
    "SiglipVision": ("SiglipVisionModel", _SMALL | {"image_size": 64}),
    "Swin": (
        "SwinModel",
        {"image_size": 64, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4},
    ),
    "Segformer": ("SegformerForSemanticSegmentation", {}),
    "ConvNext": ("ConvNextModel", {"hidden_sizes": [16, 32, 64, 128], "depths": [1, 1, 1, 1]}),
    "MobileViT": ("MobileViTModel", {"image_size": 64}),
    "MobileNetV2": ("MobileNetV2Model", {}),
    "PoolFormer": ("PoolFormerModel", {}),
    "DPT": (
        "DPTForDepthEstimation",
        {
            "image_size": 64,
            "hidden_size": 64,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 128,
        }
        | {
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [16, 16, 32, 32],
            "fusion_hidden_size": 32,
        },
    ),
    "ResNet": (
        "ResNetModel",
        {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 64, 128], "embedding_size": 16},
    ),
    "GLPN": ("GLPNForDepthEstimation", {}),
    "Yolos": ("YolosForObjectDetection", _SMALL | {"image_size": [64, 64], "num_detection_tokens": 10}),
}
WAVES: dict[str, tuple[str, dict[str, Any]]] = {
    "Wav2Vec2": ("Wav2Vec2Model", _SMALL),
    "Hubert": ("HubertModel", _SMALL),
}


def _there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def import_torchvision() -> Any:
    """torchvision, its operators declared where its library cannot be loaded."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed")
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        source = (pathlib.Path(spec.origin).parent / "_meta_registrations.py").read_text()
        names = set(re.findall(r'(?:torchvision::|register_meta\(")(\w+)', source))
        library = torch.library.Library("torchvision", "DEF")
        for name in sorted(names):
            library.define(f"{name}(Tensor x) -> Tensor")
        _KEPT.append(library)
        return importlib.import_module("torchvision")


_KEPT: list[Any] = []


def _image(pixels: int) -> torch.Tensor:
    return torch.randn(1, 3, pixels, pixels)


def _timm(name: str, pixels: int | None) -> Made:
    import_torchvision()
    timm = importlib.import_module("timm")
    model = timm.create_model(name, pretrained=False)
    return model, (_image(pixels or model.default_cfg["input_size"][-1]),)


def _torchvision(group: str, name: str) -> Made:
    models = import_torchvision().models
    if group == "segmentation":
        model = getattr(models.segmentation, name)(weights=None, weights_backbone=None)
        return model, (_image(96),)
    if group == "video":
        pixels = 224 if name in ("s3d", "mvit_v2_s") else 64  # a last pooling of 7 by 7, a table of places
        return getattr(models.video, name)(weights=None), (torch.randn(1, 3, 16, pixels, pixels),)
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return getattr(models, name)(weights=None, **options), (
        _image(224 if name[-2:] == "_t" or "vit" in name else 96),
    )


def _segmentation(name: str) -> Made:
    import_torchvision()
    package = importlib.import_module("segmentation_models_pytorch")
    encoder = {"Segformer": "mit_b0", "DPT": "tu-vit_tiny_patch16_224"}.get(name, "resnet18")
    pixels = {"PAN": 128, "DPT": 224}.get(name, 96)  # three poolings behind the encoder; its own size
    return getattr(package, name)(encoder, encoder_weights=None, classes=3), (_image(pixels),)


def _yolo(name: str) -> Made:
    import_torchvision()
    package = importlib.import_module("ultralytics")
    model = (package.RTDETR if name.startswith("rtdetr") else package.YOLO)(f"{name}.yaml").model.eval()
    model = model.fuse(verbose=False)
    head = model.model[-1]
    for key, value in (("export", True), ("format", "onnx"), ("dynamic", False)):
        setattr(head, key, value)
    return model, (_image(64 if name.endswith("-cls") else 128),)


class First(nn.Module):
    """The tensors of a transformers output, in order."""

    def __init__(self, model: nn.Module, by: str) -> None:
        super().__init__()
        self.model = model
        self.by = by

    def forward(self, x: torch.Tensor) -> Any:
        return self.model(**{self.by: x}, return_dict=False)[0]


def _transformers(family: str, model: str, options: dict[str, Any], by: str) -> Made:
    import_torchvision()
    package = importlib.import_module("transformers")
    config = getattr(package, f"{family}Config")(**options)
    network = First(getattr(package, model)(config).eval(), by)
    if by == "input_ids":
        return network, (torch.randint(3, 190, (1, 16)),)
    if by == "input_values":
        return network, (torch.randn(1, 4000),)
    size = options.get("image_size", 64)
    return network, (_image(size if isinstance(size, int) else size[0]),)


def package_networks() -> dict[str, Maker]:
    """Name -> what makes the network and its inputs, of every package that is installed."""
    found: dict[str, Maker] = {}
    if _there("timm"):
        for name in _names("timm", "any_size"):
            found[f"timm/{name}"] = lambda name=name: _timm(name, 128)
        for name in _names("timm", "own_size"):
            found[f"timm/{name}"] = lambda name=name: _timm(name, None)
    if _there("torchvision"):
        for group in ("classification", "segmentation", "video"):
            for name in _names("torchvision", group):
                found[f"torchvision/{name}"] = lambda group=group, name=name: _torchvision(group, name)
    if _there("segmentation_models_pytorch"):
        for name in _names("segmentation", "decoders"):
            found[f"segmentation/{name}"] = lambda name=name: _segmentation(name)
    if _there("ultralytics"):
        for name in _names("ultralytics", "models"):
            found[f"ultralytics/{name}"] = lambda name=name: _yolo(name)
    if _there("transformers"):
        for table, by in ((TOKENS, "input_ids"), (PIXELS, "pixel_values"), (WAVES, "input_values")):
            for family, (model, options) in table.items():
                found[f"transformers/{family}"] = lambda f=family, m=model, o=options, by=by: _transformers(
                    f, m, o, by
                )
        found |= hugging_networks()
    return found


_MODULES = {
    "timm": "timm",
    "transformers": "transformers",
    "ultralytics": "ultralytics",
    "segmentation": "segmentation_models_pytorch",
}


def import_all(names: list[str]) -> None:
    """Imports what these networks come from."""
    if any(not name.startswith("plain/") for name in names):
        import_torchvision()
    for package, module in _MODULES.items():
        if any(name.startswith(f"{package}/") for name in names):
            importlib.import_module(module)
