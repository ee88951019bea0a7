"""A pruned network trained on what the dense one says."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from secateur.errors import PruningError


def distillation_loss(
    logits: Tensor,
    teacher: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    share: float = 0.9,
) -> Tensor:
    """The mean divergence of softened class probabilities from the teacher's, with some of the labels' loss.

    temperature^2 * KL(softmax(teacher / temperature) || softmax(logits / temperature)), times `share`, plus
    the cross entropy with `labels` times 1 - `share` where they are given (Hinton et al., *Distilling the
    knowledge in a neural network*, 2015). logits, teacher: [..., classes]; labels: [...] int64. The teacher
    gets no gradient.

    Raises PruningError for shapes that differ, and for a temperature or share that makes no sense.

    >>> import torch
    >>> x = torch.tensor([[1.0, 2.0, 3.0]])
    >>> float(distillation_loss(x, x))
    0.0
    """
    if logits.shape != teacher.shape:
        raise PruningError(f"logits are {tuple(logits.shape)}, the teacher's {tuple(teacher.shape)}")
    if not temperature > 0 or not 0 <= share <= 1:
        raise PruningError(f"temperature is above 0 and share from 0 to 1; got {temperature} and {share}")
    classes = logits.shape[-1]
    soft = F.log_softmax(logits.reshape(-1, classes) / temperature, -1)
    aim = F.log_softmax(teacher.detach().reshape(-1, classes) / temperature, -1)
    loss = F.kl_div(soft, aim, reduction="batchmean", log_target=True) * temperature**2
    if labels is None:
        return loss
    return share * loss + (1 - share) * F.cross_entropy(logits.reshape(-1, classes), labels.reshape(-1))
