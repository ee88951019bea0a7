"""The speed columns again for networks people know: MobileNetV1, MobileNetV2 and ResNet-50 at 224x224."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import secateur as sct
from secateur.bench.engines.secateur_engine import SecateurDense, SecateurSparse
from secateur.bench.engines.torch_eager import TorchEager
from secateur.bench.harness import Progress, measure
from secateur.bench.networks import workloads, zoo_network
from secateur.bench.report import Result

NETWORKS = ("mobilenet_v1", "mobilenet_v2", "resnet50")
SPARSITIES = (0.0, 0.8, 0.9)


def time_network(
    name: str,
    *,
    sparsities: Sequence[float] = SPARSITIES,
    checkpoints: Mapping[str, str] | None = None,
    threads: int = 1,
    samples: int = 10,
    progress: Progress | None = None,
) -> list[Result]:
    """One result per sparsity: this runtime, its dense self and PyTorch eager, in turns.

    At 0% the network is its own dense self and is not timed twice.
    """
    source, keep_dense = zoo_network(name, (checkpoints or {}).get(name))
    sparse, dense, eager = SecateurSparse(), SecateurDense(), TorchEager()
    results = []
    dense_profile: list[dict[str, Any]] = []
    for workload in workloads(source, sparsities, keep_dense=keep_dense):
        pruned = workload.sparsity > 0
        engines = [sparse, dense, eager] if pruned else [dense, eager]
        outcomes = measure(engines, workload, threads=threads, samples=samples, warmup=1, progress=progress)
        if not pruned:
            # The dense self stands in the column of the compiled network.
            outcomes = [replace(o, engine="secateur") if o.engine == dense.name else o for o in outcomes]
        result = Result(workload, threads, outcomes)
        if not dense_profile:
            dense_profile = profile(dense, workload, threads)
        if pruned:
            result.layers, result.dense_layers = profile(sparse, workload, threads), dense_profile
        results.append(result)
        workload.release()
    return results


def profile(engine: SecateurSparse, workload: Any, threads: int, runs: int = 5) -> list[dict[str, Any]]:
    """Time of each layer, or nothing where the network does not compile: that is told elsewhere."""
    try:
        with sct.Session(engine.model_file(workload), threads=threads) as session:
            return session.profile(runs=runs)
    except sct.errors.SecateurError:
        return []
