"""What is measured: a network with its weights, an input, and what PyTorch makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]  # float32, or the numbers and truth values that a network takes


@dataclass
class Workload:
    """One network at one sparsity. `model` is in eval mode and takes `inputs` positionally.

    `dense_model` is the network before pruning, where it is another one (its channels may be gone).
    `reference` is computed on first use by PyTorch eager.
    """

    name: str
    model: torch.nn.Module
    inputs: tuple[Array, ...]
    sparsity: float = 0.0
    pattern: str = "dense"
    weights: str = "random weights"
    dense_model: torch.nn.Module | None = None
    _reference: list[Array] | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        return f"{self.name} {self.sparsity:.0%}" if self.sparsity else f"{self.name} dense"

    def tensors(self) -> tuple[torch.Tensor, ...]:
        import torch

        return tuple(torch.from_numpy(x) for x in self.inputs)

    @property
    def reference(self) -> list[Array]:
        """PyTorch's outputs, one array each: what every engine must give."""
        if self._reference is None:
            self._reference = reference_outputs(self.model, self.inputs)
        return self._reference

    def release(self) -> None:
        """Lets go of the networks, keeping what tables say of them; nothing can be measured afterwards."""
        import torch

        _ = self.reference
        self.model = torch.nn.Identity()
        self.dense_model = None

    def describe(self) -> dict[str, Any]:
        return {
            "network": self.name,
            "sparsity": self.sparsity,
            "pattern": self.pattern,
            "weights": self.weights,
            "input_shapes": [list(x.shape) for x in self.inputs],
        }


def arrays_of(tensors: Sequence[torch.Tensor]) -> tuple[Array, ...]:
    """As engines take them: floats as float32, numbers and truth values as they are."""
    made = [(x.numpy(), np.float32 if x.is_floating_point() else None) for x in tensors]
    return tuple(np.ascontiguousarray(array, dtype=dtype) for array, dtype in made)


def reference_outputs(model: torch.nn.Module, inputs: tuple[Array, ...]) -> list[Array]:
    """The outputs of `model` (PyTorch eager, no gradients) as float32 arrays, in the order they nest."""
    import torch
    from torch.utils import _pytree

    with torch.no_grad():
        result = model(*(torch.from_numpy(x) for x in inputs))
    outputs = [y for y in _pytree.tree_leaves(result) if isinstance(y, torch.Tensor)]
    return [np.ascontiguousarray(y.detach().numpy(), dtype=np.float32) for y in outputs]
