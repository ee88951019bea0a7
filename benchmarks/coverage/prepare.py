"""What the timing of a network needs, as files: dense, pruned, onnxruntime's, inputs, PyTorch's answers.

Compiling and converting take minutes, timing takes seconds: apart, the timing alone needs a quiet core.
"""

from __future__ import annotations

import copy
import json
import pathlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

SPARSITY = 0.8
FACTS = "facts.json"  # written last: a folder that has it is complete


def family(name: str) -> str:
    """The package and the letters that the name begins with: one network stands for them.

    >>> family("timm/resnet50d"), family("timm/tf_efficientnetv2_b0"), family("plain/gru-two-layers")
    ('timm/resnet', 'timm/efficientnetv', 'plain/gru')
    """
    package, short = name.split("/", 1)
    return f"{package}/{re.match('[A-Za-z]*', short.removeprefix('tf_')).group()}"  # type: ignore[union-attr]


def one_a_family(names: Iterable[str]) -> list[str]:
    """The first of each family in the order of the list."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(family(name), name)
    return list(first.values())


def folder_of(out: pathlib.Path, name: str) -> pathlib.Path:
    return out / "times" / name.replace("/", "-")


def prepare(
    name: str,
    make: Callable[[], tuple[Any, tuple[Any, ...]]],
    ready: Callable[[Any], None],
    leaves: Callable[[Any], list[Any]],
    out: pathlib.Path,
    pythons: Mapping[str, str],
) -> str:
    """Writes a network's files and says what is missing ("" where nothing is).

    ready: gives zeros other values; leaves: a nested answer as a list; pythons: where onnxruntime lives.
    """
    import torch

    import secateur as sct
    from secateur.bench.engines import OnnxRuntime
    from secateur.bench.engines.base import EngineError
    from secateur.bench.workload import Workload
    from secateur.prune import prune_oneshot

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, inputs = make()
    model.eval()
    ready(model)
    folder = folder_of(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pruned = copy.deepcopy(model)
    prune_oneshot(pruned, sparsity=SPARSITY)
    for kind, network in (("dense", model), ("pruned", pruned)):
        with torch.no_grad():
            network(*[x.clone() for x in inputs])
            answers = [t for t in leaves(network(*inputs)) if isinstance(t, torch.Tensor)]
        np.savez(folder / f"{kind}.npz", *[t.numpy() for t in answers])
        sct.compile(network, inputs).save(str(folder / f"{kind}.sct"))
    arrays = tuple(x.numpy() for x in inputs)
    np.savez(folder / "inputs.npz", *arrays)
    workload, missing = Workload("dense", model, arrays), ""
    try:
        shutil.copy(OnnxRuntime(pythons, folder / "onnx").model_file(workload), folder / "dense.onnx")
        shutil.rmtree(folder / "onnx")
    except EngineError as error:
        missing = str(error)
    except Exception as error:  # torch.export, whose errors are of any type
        missing = f"torch.export: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    parameters = sum(p.numel() for p in model.parameters())
    facts = {"name": name, "parameters": parameters, "missing": missing}
    (folder / FACTS).write_text(json.dumps(facts))
    return missing
