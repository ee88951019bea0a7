"""What torch.export is told of recurrent layers: the shapes of their results.

Tracing one, torch finds the shapes by computing all of its steps on tensors without values, operator by
operator and several times over: 18 s of CPU for two layers of 336 steps, whose graph is one node each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

_KEYS = (torch._C.DispatchKey.CompositeImplicitAutograd, torch._C.DispatchKey.Autograd)
_ATEN = torch.ops.aten
_LAYERS = (_ATEN.lstm.input, _ATEN.gru.input, _ATEN.rnn_tanh.input, _ATEN.rnn_relu.input)


def _shapes(computes: Callable[..., Any]) -> Callable[..., Any]:
    """The same layer where its input has values."""

    def layer(x: torch.Tensor, hx: Any, *rest: Any) -> Any:
        if not isinstance(x, FakeTensor):
            return computes(x, hx, *rest)
        states = [hx] if isinstance(hx, torch.Tensor) else list(hx)
        ways = 2 if rest[5] else 1  # params, has_biases, num_layers, dropout, train, bidirectional
        y = x.new_empty((*x.shape[:2], ways * states[0].shape[2]))
        return (y, *(state.new_empty(state.shape) for state in states))

    return layer


@contextlib.contextmanager
def shapes_of_recurrent_layers() -> Iterator[None]:
    """While this is entered, torch traces LSTM, GRU and RNN by their shapes alone."""
    held = [(op, key, op.py_kernels[key]) for op in _LAYERS for key in _KEYS if key in op.py_kernels]
    try:
        for op, key, kernel in held:
            op.py_kernels[key] = _shapes(kernel)
            op._dispatch_cache.clear()
        yield
    finally:
        for op, key, kernel in held:
            op.py_kernels[key] = kernel
            op._dispatch_cache.clear()
