"""The score of each channel at one side of a module."""

from __future__ import annotations

from torch import Tensor, nn

from secateur.prune.scores import Score, element_scores


def side_scores(score: Score, name: str, kind: str, module: nn.Module, *, both: bool) -> Tensor | None:
    """[channels] float64; None where the score does not look at this side.

    >>> import torch
    >>> from secateur.prune import L1
    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.weight.data.copy_(torch.tensor([[3.0, -4.0]]))
    >>> [side_scores(L1(), "fc", side, layer, both=True).tolist() for side in ("out", "in")]
    [[3.5], [3.0, 4.0]]
    """
    if score.of_norms:
        if kind != "vector" or not isinstance(module, nn.modules.batchnorm._BatchNorm) or not module.affine:
            return None
        return element_scores(score, name, module.weight)[:, 0].cpu().double()
    if isinstance(module, nn.MultiheadAttention) and kind == "packed":
        assert module.in_proj_weight is not None
        rows = element_scores(score, f"{name}.in_proj_weight", module.in_proj_weight).cpu().double()
        return score.finish(rows.mean(1).reshape(3, -1).mean(0))
    if kind not in ("out", "hidden") and not (both and kind == "in"):
        return None
    if isinstance(module, nn.RNNBase):
        return _recurrent(score, name, kind, module)
    weight = module.weight
    assert isinstance(weight, nn.Parameter)
    if isinstance(module, nn.modules.conv._ConvTransposeNd):  # outputs first, as elsewhere
        turned = nn.Parameter(weight.detach().transpose(0, 1))
        turned.grad = None if weight.grad is None else weight.grad.transpose(0, 1)
        weight = turned
    if kind == "in" and weight.shape[1] == 1 and getattr(module, "groups", 1) > 1:
        return None  # depthwise: its filters are counted with its outputs
    elements = element_scores(score, name, weight).cpu().double()
    if kind == "out":
        return score.finish(elements.mean(dim=1))
    groups = int(getattr(module, "groups", 1))
    grouped = elements.reshape(groups, -1, weight.shape[1], weight[0, 0].numel())
    return score.finish(grouped.mean((1, 3)).flatten())


def _recurrent(score: Score, name: str, kind: str, module: nn.RNNBase) -> Tensor:
    """Of a unit its rows in all gates, layers and directions; of an input its columns."""
    means = []
    for key, parameter in module.named_parameters():
        first = key in ("weight_ih_l0", "weight_ih_l0_reverse")
        if not key.startswith("weight") or (kind == "in" and not first):
            continue
        elements = element_scores(score, f"{name}.{key}", parameter).cpu().double()
        mean = elements.mean(0) if kind == "in" else elements.mean(1).reshape(-1, module.hidden_size).mean(0)
        means.append(mean)
    total = means[0]
    for mean in means[1:]:
        total = total + mean
    return score.finish(total / len(means))
