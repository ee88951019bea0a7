"""Settles which channel groups of a network are pruned, and says of the others why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from secateur.errors import PruningError
from secateur.prune.channels import ChannelGroup, find_groups, trace_channels
from secateur.prune.channels.groups import OBVIOUS
from secateur.prune.channels.surgery import Removal, trial
from secateur.prune.example import Example
from secateur.prune.layers import Layer
from secateur.prune.patterns import Channel
from secateur.prune.targets import GroupTarget


def _refusal(makers: Sequence[Layer]) -> str:
    for layer in makers:
        if layer.skip and layer.skip != "depthwise":
            return f"layer {layer.name!r} is skipped"
        if not isinstance(layer.pattern, Channel):
            return f"layer {layer.name!r} has the pattern {layer.pattern}"
    return ""


def _one_channel_less(group: ChannelGroup) -> Removal:
    keep = torch.ones(group.units, dtype=torch.bool)
    keep[group.units // 2] = False
    return group, keep


def _failures(model: nn.Module, groups: Sequence[ChannelGroup], example: Example) -> dict[str, str]:
    """Groups that the network cannot lose a channel of, by name, with the reason.

    A program may hold widths in its text (``x.view(-1, 400)``), or count its channels; the trace does not
    see that, a trial does. All groups are tried at once; each by itself only where that fails.
    """
    removals = [_one_channel_less(group) for group in groups if group.units > 1]
    if not trial(model, removals, example):
        return {}
    failures = {group.name: trial(model, [(group, keep)], example) for group, keep in removals}
    failures = {name: reason for name, reason in failures.items() if reason}
    left = [(group, keep) for group, keep in removals if group.name not in failures]
    if reason := trial(model, left, example):
        raise PruningError(
            f"channels of {', '.join(group.name for group, _ in left)} can each be removed, but not "
            f"together: {reason}; skip some of these layers"
        )
    return failures


def _made_by(module: str, layers: Mapping[str, Layer]) -> list[Layer]:
    """The weights with which a module makes its channels: one, or all of a recurrent layer."""
    if module in layers:
        return [layers[module]]
    return [
        layer for layer in layers.values() if layer.weight.owner == module and "weight" in layer.weight.key
    ]


def plan_channels(
    model: nn.Module, layers: Sequence[Layer], example: Example
) -> tuple[list[GroupTarget], list[str]]:
    """The groups to prune, and a sentence for each that is left alone (but for inputs and outputs)."""
    by_name = {layer.name: layer for layer in layers}
    candidates: list[tuple[ChannelGroup, list[Layer]]] = []
    refused: list[tuple[ChannelGroup, list[Layer], str]] = []
    for group in find_groups(trace_channels(model, example)):
        named = [layer for name in group.producers for layer in _made_by(name, by_name)]
        makers = [layer for layer in named if not layer.weight.depthwise]
        if reason := group.reason or _refusal(makers):
            refused.append((group, makers, reason))
        elif makers:
            candidates.append((group, makers))
    failures = _failures(model, [group for group, _ in candidates], example)
    targets: list[GroupTarget] = []
    for group, makers in candidates:
        if group.name in failures:
            refused.append((group, makers, failures[group.name]))
        else:
            targets.append(GroupTarget(group, makers, model))
    notes = []
    for group, makers, reason in refused:
        asked = any(isinstance(maker.pattern, Channel) and not maker.skip for maker in makers)
        if asked and reason not in OBVIOUS:
            others = f" and {len(makers) - 1} more" if makers[1:] else ""
            notes.append(f"{group.units} channels of {makers[0].name}{others} are left alone: {reason}")
    return targets, notes
