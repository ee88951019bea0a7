#!/usr/bin/env python3
"""Accuracy of static int8 beside f32, on trained networks and real data.

    benchmarks/accuracy_int8.py DATA [--network mobilenet_v2] [--method mse] [--budget 0.1] [--prune 0.5]
    [--samples 64] [--images N] [--runtime] [--json benchmarks/results/accuracy_int8.json]

DATA is a folder with the packs that its README describes (weights, images, readers). What is counted is
top-1 on the packs' images, of the f32 network as this runtime computes it, and of the int8 network by the
operators' definitions (`secateur.ir`), which every instruction set reproduces to the bit, or by the runtime
(`--runtime`). With `--prune` weights are pruned in one shot before, on the calibration images, and both
numbers are of the pruned network. `--json` adds a row to a file or replaces the one of the same settings.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import secateur as sct
from secateur.emit import emit
from secateur.ir.reference import run_graph
from secateur.passes.quantize import quantise_graph
from secateur.quantize.static import BUDGET, calibrated_form, static


def mobilenet_v2(data: Path) -> tuple[Any, Any, Any, Any]:
    """(network, calibration images, test images, labels)"""
    packs, models = importlib.import_module("packs"), importlib.import_module("refmodels")
    net = models.MobileNetV2()
    net.load_state_dict(torch.load(data / "weights" / "mobilenet_v2_sym.pt", weights_only=True))
    calibration, _ = packs.imagenet(data / "imagenet_sample_even.npz", 224)
    images, labels = packs.imagenet(data / "imagenet_val227_even.npz", 224)
    return net.eval(), packs.to_input(calibration, "imagenet"), packs.to_input(images, "imagenet"), labels


def mobilenet_v1(data: Path) -> tuple[Any, Any, Any, Any]:
    packs, models = importlib.import_module("packs"), importlib.import_module("refmodels")
    net = models.MobileNetV1(0.75)
    net.load_state_dict(torch.load(data / "weights" / "mobilenet_v1_075_192.pt", weights_only=True))
    calibration, _ = packs.imagenet(data / "imagenet_sample_even.npz", 192)
    images, labels = packs.imagenet(data / "imagenet_val227_even.npz", 192)
    return net.eval(), packs.to_input(calibration, "tf"), packs.to_input(images, "tf"), labels


def tiny_darknet(data: Path) -> tuple[Any, Any, Any, Any]:
    packs, models = importlib.import_module("packs"), importlib.import_module("refmodels")
    net = models.TinyDarknet()
    net.load_state_dict(torch.load(data / "weights" / "tiny_darknet.pt", weights_only=True))
    calibration, _ = packs.imagenet(data / "imagenet_sample_even.npz", 224)
    images, labels = packs.imagenet(data / "imagenet_val227_even.npz", 224)
    return net.eval(), packs.to_input(calibration, "unit"), packs.to_input(images, "unit"), labels


def cifar_resnet20(data: Path) -> tuple[Any, Any, Any, Any]:
    packs, models = importlib.import_module("packs"), importlib.import_module("refmodels")
    net = models.CifarResNet(20)
    net.load_state_dict(torch.load(data / "weights" / "cifar_resnet20_jpeg.pt", weights_only=True))
    calibration, _ = packs.cifar10(data / "cifar10_jpeg.npz", "train")
    images, labels = packs.cifar10(data / "cifar10_jpeg.npz", "test")
    calibration = calibration[:2000]
    return net.eval(), packs.to_input(calibration, "imagenet"), packs.to_input(images, "imagenet"), labels


NETWORKS = {f.__name__: f for f in (mobilenet_v2, mobilenet_v1, tiny_darknet, cifar_resnet20)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--network", choices=sorted(NETWORKS), default="mobilenet_v2")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--weights", default="mse")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--images", type=int, default=None, help="of the test set, evenly spread")
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--budget", type=float, default=BUDGET, help="that outputs may be off; 0 to 1e9")
    parser.add_argument("--prune", type=float, default=0.0, help="share of zeros, uniform, in one shot")
    parser.add_argument("--runtime", action="store_true", help="by the runtime, not by the definitions")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    sys.path.insert(0, str(args.data))
    net, calibration, images, labels = NETWORKS[args.network](args.data)
    spread = np.linspace(0, len(calibration) - 1, min(args.samples, len(calibration))).astype(int)
    calibration = calibration[spread]
    if args.images is not None:
        chosen = np.linspace(0, len(images) - 1, min(args.images, len(images))).astype(int)
        images, labels = images[chosen], labels[chosen]
    x = torch.from_numpy(images[:1].copy())
    if args.prune:
        recipe = sct.prune.Recipe(sparsity=args.prune, scope="uniform")
        sct.prune.one_shot(net, recipe, [torch.from_numpy(c[None].copy()) for c in calibration])
    began = time.perf_counter()
    q = static(
        net,
        calibration,
        example_inputs=x,
        method=args.method,
        weights=args.weights,
        samples=args.samples,
        keep=args.keep,
        budget=args.budget,
    )
    print(f"{q}; calibrated in {time.perf_counter() - began:.0f} s", flush=True)
    graph = calibrated_form(net, x)
    f32 = sct.Session(emit(copy.deepcopy(graph)).data)
    int8 = sct.compile(net, x, quantize=q).session() if args.runtime else None
    if int8 is None:
        quantise_graph(graph, q)
    hits = np.zeros(2, int)
    agree = 0
    for number, (image, label) in enumerate(zip(images, labels, strict=True), 1):
        image = np.ascontiguousarray(image[None])
        first = int(np.argmax(f32.run(image)))
        logits = run_graph(graph, [image])[0][0] if int8 is None else int8.run(image)
        second = int(np.argmax(logits))
        hits += [first == label, second == label]
        agree += first == second
        if number % 100 == 0:
            print(f"{number}: f32 {hits[0] / number:.2%}, int8 {hits[1] / number:.2%}", flush=True)
    row = {
        "network": args.network,
        "sparsity": args.prune,
        "method": q.method,
        "budget": args.budget,
        "f32_layers": [n for n, layer in q.layers.items() if layer.dtype == "f32"],
        "weights": args.weights,
        "samples": len(calibration),
        "images": len(images),
        "by": "runtime" if args.runtime else "definitions",
        "f32": round(100 * hits[0] / len(images), 2),
        "int8": round(100 * hits[1] / len(images), 2),
        "same_class": round(100 * agree / len(images), 2),
        "expected_error": round(max(q.expected.values()), 4),
    }
    print(json.dumps(row))
    if args.json:
        add_row(args.json, row)


def add_row(path: Path, row: dict[str, Any]) -> None:
    """A file of one row a line, by network and settings."""
    rows = json.loads(path.read_text()) if path.exists() else []

    def key(r: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(r[k] for k in ("network", "sparsity", "method", "budget", "images"))

    rows = sorted([r for r in rows if key(r) != key(row)] + [row], key=key)
    path.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


if __name__ == "__main__":
    main()
