"""A real training of a small detector by ultralytics, on images made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secateur.integrations import ultralytics_callback
from secateur.prune import PruningError

U = pytest.importorskip("ultralytics", reason="ultralytics is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
RECIPE = {"sparsity": 0.7, "scope": "uniform", "schedule": {"name": "cubic", "begin": 0, "end": 4}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images with one bright square each, in the format of ultralytics."""
    image = pytest.importorskip("PIL.Image")
    folder, random = tmp_path_factory.mktemp("squares"), np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for number in range(8):
        pixels = random.integers(0, 60, (64, 64, 3), dtype=np.uint8)
        x, y = random.integers(0, 40, 2)
        pixels[y : y + 24, x : x + 24] = 230
        image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text(f"0 {(x + 12) / 64} {(y + 12) / 64} 0.375 0.375\n")
    table = folder / "data.yaml"
    table.write_text(f"path: {folder}\ntrain: images\nval: images\nnames:\n  0: square\n")
    return table


def options(data: Path, folder: Path, epochs: int) -> dict[str, Any]:
    return {
        "data": str(data), "epochs": epochs, "imgsz": 64, "batch": 4, "device": "cpu", "workers": 0,
        "project": str(folder), "name": "run", "plots": False, "verbose": False, "optimizer": "AdamW",
        "nbs": 4, "amp": False,
    }  # fmt: skip


def shares(model: Any) -> dict[str, float]:
    return {
        name: float((module.weight == 0).float().mean())
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Conv2d) and module.groups == 1
    }


def test_what_is_saved_is_sparse_and_training_goes_on_with_its_masks(data: Path, tmp_path: Path) -> None:
    model = U.YOLO("yolov8n.yaml")
    callback = ultralytics_callback(RECIPE)
    callback.attach(model)
    stopped: list[int] = []

    def stop(trainer: Any) -> None:
        if trainer.epoch == 1:
            stopped.append(trainer.epoch)
            raise KeyboardInterrupt

    model.add_callback("on_model_save", stop)
    with pytest.raises(KeyboardInterrupt):
        model.train(**options(data, tmp_path, 4))
    assert stopped == [1]
    assert callback.pruner.steps == 4  # two epochs of two batches
    masks = {name: mask.clone() for name, mask in callback.pruner.masks.items()}

    again = U.YOLO(tmp_path / "run" / "weights" / "last.pt")
    follow = ultralytics_callback(RECIPE)
    follow.attach(again)
    begun: dict[str, torch.Tensor] = {}
    again.add_callback("on_train_start", lambda _: begun.update(follow.pruner.masks))
    again.train(resume=True)
    assert all(torch.equal(mask, masks[name]) for name, mask in begun.items())
    assert begun.keys() == masks.keys()
    assert follow.pruner.steps == 8
    last = U.YOLO(tmp_path / "run" / "weights" / "last.pt").model
    found = shares(last)
    want = {row.name: row.target for row in follow.pruner.report().layers if row.pattern}
    assert len(want) > 50
    for name, share in want.items():
        assert abs(found[name] - share) < 0.01 + 2 / last.get_submodule(name).weight.numel()


def test_what_cannot_be_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(PruningError, match="ultralytics builds its networks anew"):
        ultralytics_callback({"sparsity": 0.5, "pattern": "channel"})
    model = U.YOLO("yolov8n.yaml")
    late = {**RECIPE, "schedule": {"name": "constant", "at": 4}}
    ultralytics_callback(late).attach(model)
    with pytest.raises(PruningError, match="training ends after 4 steps"):
        model.train(**options(data, tmp_path, 2))
