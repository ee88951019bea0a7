"""Keeps the zeros of a pruned network while it is trained on."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from secateur.errors import PruningError
from secateur.prune.example import unwrap
from secateur.prune.weights import find_weights


class Masks:
    """Masks over the parameters of a network, by full name: zeros in them, and in their gradients.

    Parameters are found by name each time, so one that is replaced is masked too.
    """

    def __init__(self, model: nn.Module, masks: dict[str, Tensor] | None = None) -> None:
        self._model = model
        self._hooks: dict[str, tuple[Tensor, RemovableHandle]] = {}
        self.by_name: dict[str, Tensor] = dict(masks or {})
        self.watching = False  # whether gradients are gathered as they are before they are masked
        self.gradients: dict[str, Tensor] = {}

    def apply(self, *, hooks: bool = True) -> None:
        """Set what the masks drop to zero, and (with `hooks`) see that gradients are masked."""
        parameters = dict(self._model.named_parameters(remove_duplicate=False))
        with torch.no_grad():
            for name, mask in self.by_name.items():
                parameter = parameters.get(name)
                if parameter is None or parameter.shape != mask.shape:
                    shape = "gone" if parameter is None else f"of shape {tuple(parameter.shape)}"
                    raise PruningError(
                        f"parameter {name!r} is {shape} now, its mask is {tuple(mask.shape)}; "
                        f"after a change of the network make new masks"
                    )
                if mask.device != parameter.device:
                    mask = self.by_name[name] = mask.to(parameter.device)
                parameter.masked_fill_(~mask, 0)
                if hooks:
                    self._hook(name, parameter)

    def _hook(self, name: str, parameter: nn.Parameter) -> None:
        held = self._hooks.get(name)
        if held is not None and held[0] is not parameter:
            held[1].remove()
            held = None
        if held is None and parameter.requires_grad:
            handle = parameter.register_hook(self._gradient(name))  # type: ignore[no-untyped-call]
            self._hooks[name] = parameter, handle

    def _gradient(self, name: str) -> Callable[[Tensor], Tensor]:
        def mask_gradient(gradient: Tensor) -> Tensor:
            if self.watching:
                before = self.gradients.get(name)
                self.gradients[name] = gradient.detach() + (0 if before is None else before)
            return gradient.masked_fill(~self.by_name[name].to(gradient.device), 0)

        return mask_gradient

    def release(self) -> None:
        """Take the hooks away; the zeros stay until something trains them."""
        for _, handle in self._hooks.values():
            handle.remove()
        self._hooks = {}


class ZeroHold:
    """What `hold_zeros` gives: the masks it holds, until `release` or the end of a ``with`` block."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        inner = unwrap(model)
        found: dict[str, Tensor] = {}
        for weight in find_weights(inner).values():
            parameter = weight.find()
            if weight.blocked or parameter is None:
                continue
            zeros = parameter.detach() == 0
            if bool(zeros.any()) and not bool(zeros.all()):
                found[weight.path] = ~zeros
        if not found:
            raise PruningError(f"{type(inner).__name__} has no zeros to hold: prune it first")
        self._masks = Masks(inner, found)
        self._masks.apply()
        self._step: RemovableHandle | None = None
        if optimizer is not None:
            self._step = optimizer.register_step_post_hook(lambda *_: self._masks.apply())

    @property
    def masks(self) -> dict[str, Tensor]:
        """The masks by full name of the parameter, bool, True = kept."""
        return dict(self._masks.by_name)

    def apply(self) -> None:
        """Set the zeros again; without an optimizer given, call it after each of its steps."""
        self._masks.apply()

    def apply_to(self, model: nn.Module) -> nn.Module:
        """Set the same zeros in a copy of the network, such as a moving average; returns it."""
        Masks(unwrap(model), self._masks.by_name).apply(hooks=False)
        return model

    def release(self) -> None:
        """End holding: no hook is left on the model or the optimizer."""
        self._masks.release()
        if self._step is not None:
            self._step.remove()
            self._step = None

    def __enter__(self) -> ZeroHold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_zeros(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> ZeroHold:
    """Keep the weights of `model` that are zero now at zero while it is trained on.

    Their gradients are masked; with `optimizer` given they are set back after each of its steps too, so that
    momentum gathered before cannot move them. Without it, call `ZeroHold.apply` after each step. A weight
    that is zero as a whole is left free: it was set so by its initialisation, not by pruning.

    Raises PruningError where there is nothing to hold.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Linear(4, 4)
    >>> model.weight.data[:, 0] = 0
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    >>> with hold_zeros(model, optimizer):
    ...     model(torch.ones(2, 4)).sum().backward()
    ...     optimizer.step()
    >>> int((model.weight == 0).sum())
    4
    """
    return ZeroHold(model, optimizer)
