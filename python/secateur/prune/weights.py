"""Which parameters of a network are weights, how each is seen as a matrix, and which cannot be pruned.

Every parameter that maps features counts: convolutions of any dimension, transposed ones too, Linear,
Bilinear, Embedding, the packed projections of MultiheadAttention, the weights of RNN, LSTM and GRU, and
matrices that a module of one's own uses as functions. Biases, normalisations and other vectors do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn.utils import parametrize

from secateur.prune.graph_weights import uses_in_graph

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (*CONVS, *TRANSPOSED, nn.Linear, nn.Bilinear)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
SEVERAL = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)  # modules of several weights
NO_WEIGHTS = (
    *(nn.LayerNorm, nn.GroupNorm, nn.PReLU, nn.RMSNorm),
    *(nn.modules.batchnorm._NormBase,),
)
EMBEDDING = "an embedding"


@dataclass(frozen=True)
class Weight:
    """One weight of a network, found by name each time it is used, so that it may be replaced.

    name: of the layer, or layer.parameter where a layer has several; owner: path of the module that holds
    it; key: its name there; shape: as it was found; aside: why it is left alone unless asked for, "" if it
    is not; blocked: why it cannot be pruned at all.
    """

    name: str
    root: nn.Module
    owner: str
    key: str
    shape: tuple[int, ...]
    transposed: bool = False
    groups: int = 1
    depthwise: bool = False
    taps: int = 1
    aside: str = ""
    blocked: str = ""
    shared: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The parameter's full name."""
        return f"{self.owner}.{self.key}" if self.owner else self.key

    @property
    def numel(self) -> int:
        """Number of weights at first."""
        return int(torch.Size(self.shape).numel())

    @property
    def rows(self) -> int:
        """Output channels."""
        return self.shape[1] * self.groups if self.transposed else self.shape[0]

    @property
    def cols(self) -> int:
        """Input channels of the group * kernel positions."""
        return self.numel // self.rows

    def find(self) -> Tensor | None:
        """The tensor as it is now, or None where the network has no such parameter any more."""
        try:
            module = self.root.get_submodule(self.owner)
        except AttributeError:
            return None
        found = module._parameters.get(self.key)
        if self.blocked and found is not None and not isinstance(found, nn.parameter.UninitializedParameter):
            return _effective(self.root, self, found)
        return found

    def holder(self) -> nn.Module:
        """The module that holds the parameter."""
        return self.root.get_submodule(self.owner)

    def matrix(self, tensor: Tensor) -> Tensor:
        """A tensor of the weight's shape as [rows][cols]: the compiler's rows and columns."""
        if not self.transposed:
            return tensor.reshape(self.rows, self.cols)
        grouped = tensor.reshape(self.groups, self.shape[0] // self.groups, self.shape[1], -1)
        return grouped.transpose(1, 2).reshape(self.rows, self.cols)

    def tensor(self, matrix: Tensor) -> Tensor:
        """The inverse of `matrix`."""
        if not self.transposed:
            return matrix.reshape(self.shape)
        grouped = matrix.reshape(self.groups, self.shape[1], self.shape[0] // self.groups, -1)
        return grouped.transpose(1, 2).reshape(self.shape)


def _effective(root: nn.Module, weight: Weight, stored: Tensor) -> Tensor:
    """What the network computes with, where a mask or a parametrisation stands before the parameter."""
    name = weight.name
    for key in ("weight", name.rpartition(".")[2]):
        for path in (name, name.rpartition(".")[0]):
            try:
                value = getattr(root.get_submodule(path), key, None)
            except AttributeError:
                continue
            if isinstance(value, Tensor) and tuple(value.shape) == tuple(stored.shape):
                return value
    return stored


def _layout(module: nn.Module, shape: tuple[int, ...]) -> dict[str, int | bool]:
    if isinstance(module, TRANSPOSED):
        taps = int(torch.Size(shape[2:]).numel())
        return {"transposed": True, "groups": module.groups, "taps": taps}
    if isinstance(module, CONVS):
        taps = int(torch.Size(shape[2:]).numel())
        return {"groups": module.groups, "taps": taps, "depthwise": 1 < module.groups == module.in_channels}
    return {}


def _vector(tensor: Tensor) -> bool:
    """Whether at most one axis is longer than one: a scale, a token, a bias with axes to broadcast."""
    return sum(size > 1 for size in tensor.shape) < 2


def _known(module: nn.Module, key: str) -> str | None:
    """Why a parameter is left alone by default ("" if it is not); None where it is no weight."""
    if isinstance(module, LAYERS):
        return "" if key in ("weight", "weight_v") else None
    if isinstance(module, EMBEDDINGS):
        return EMBEDDING if key == "weight" else None
    if isinstance(module, SEVERAL):
        return "" if "weight" in key else None
    return f"a parameter of {type(module).__name__}, of no known layer"


def _of_module(root: nn.Module, name: str, module: nn.Module) -> Iterator[tuple[Weight, nn.Parameter]]:
    """The weights that a module holds itself; those a parametrisation holds for it too."""
    for key, parameter in module._parameters.items():
        if parameter is None or isinstance(module, NO_WEIGHTS):
            continue
        masked = key.endswith("_orig") and f"{key[:-5]}_mask" in module._buffers
        aside = _known(module, key.removesuffix("_orig"))
        if aside is None:
            continue
        whole = key.removesuffix("_orig") in ("weight", "weight_v") and isinstance(
            module, (*LAYERS, *EMBEDDINGS)
        )
        label = name if whole else f"{name}.{key.removesuffix('_orig')}".lstrip(".")
        blocked = ""
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            yield (
                Weight(label, root, name, key, (0,), blocked="not made yet: run the network once"),
                parameter,
            )
            continue
        if masked:
            blocked = "a mask of torch.nn.utils.prune is on it: call make_permanent(model) first"
        if parameter.dim() < 2 or parameter.numel() == 0:
            continue
        if not isinstance(module, (*LAYERS, *EMBEDDINGS, *SEVERAL)) and _vector(parameter):
            continue
        shape = tuple(parameter.shape)
        layout = _layout(module, shape)
        yield Weight(label, root, name, key, shape, aside=aside, blocked=blocked, **layout), parameter  # type: ignore[arg-type]
    if parametrize.is_parametrized(module):
        assert isinstance(module.parametrizations, nn.ModuleDict)
        for key, chain in module.parametrizations.items():
            yield from _parametrised(root, name, module, key, chain)


def _parametrised(
    root: nn.Module, name: str, module: nn.Module, key: str, chain: nn.Module
) -> Iterator[tuple[Weight, nn.Parameter]]:
    aside = _known(module, key)
    if aside is None:
        return
    owner = f"{name}.parametrizations.{key}".lstrip(".")
    label = (
        name
        if key == "weight" and isinstance(module, (*LAYERS, *EMBEDDINGS))
        else f"{name}.{key}".lstrip(".")
    )
    kinds = [type(child).__name__ for child in chain.children()]
    if kinds == ["_WeightNorm"]:  # w = g * v / |v|: a zero of v is a zero of w
        parameter, held = chain._parameters["original1"], "original1"
        blocked = ""
    else:
        held = "original" if "original" in chain._parameters else "original0"
        parameter = chain._parameters[held]
        blocked = (
            f"computed by a parametrisation ({', '.join(kinds)}): "
            f"torch.nn.utils.parametrize.remove_parametrizations() makes it a plain weight"
        )
    assert parameter is not None
    if parameter.dim() < 2:
        return
    layout = _layout(module, tuple(parameter.shape))
    weight = Weight(label, root, owner, held, tuple(parameter.shape), aside=aside, blocked=blocked, **layout)  # type: ignore[arg-type]
    yield weight, parameter


def _of_graph(root: GraphModule) -> Iterator[tuple[Weight, nn.Parameter]]:
    uses = uses_in_graph(root)
    for path, parameter in root.named_parameters():
        owner, _, key = path.rpartition(".")
        label = owner if key == "weight" and owner else path
        use = uses.get(path)
        if use is not None:
            yield (
                Weight(
                    label, root, owner, key, tuple(parameter.shape),
                    transposed=use.transposed, groups=use.groups, depthwise=use.depthwise, taps=use.taps,
                    aside=EMBEDDING if use.embedding else "",
                ),
                parameter,
            )  # fmt: skip
        elif not _vector(parameter):
            yield (
                Weight(label, root, owner, key, tuple(parameter.shape), aside="used by no known layer"),
                parameter,
            )


def find_weights(model: nn.Module) -> dict[str, Weight]:
    """Every weight of `model` by name, in the order of definition; one that several share appears once.

    >>> [w.name for w in find_weights(nn.Sequential(nn.Linear(4, 8), nn.LSTM(8, 8))).values()]
    ['0', '1.weight_ih_l0', '1.weight_hh_l0']
    """
    pairs: list[tuple[Weight, nn.Parameter]] = []
    if isinstance(model, GraphModule):
        pairs.extend(_of_graph(model))
    else:
        for name, module in model.named_modules(remove_duplicate=True):
            if isinstance(module, parametrize.ParametrizationList) or ".parametrizations." in f".{name}.":
                continue
            pairs.extend(_of_module(model, name, module))
    holders: dict[int, list[Weight]] = {}
    for weight, parameter in pairs:
        holders.setdefault(id(parameter), []).append(weight)
    found: dict[str, Weight] = {}
    for together in holders.values():
        # The one that is pruned by default speaks for all: the head of a tied embedding.
        first = next((w for w in together if not w.aside), together[0])
        others = tuple(w.name for w in together if w is not first)
        found[first.name] = Weight(**{**first.__dict__, "shared": others})
    return found
