"""The demo's data, checks and page; the whole of it, quickly, where slow tests are wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.datasets import load_digits as sklearn_digits

from secateur.bench.report import text_table
from secateur.bench.stats import summarize
from secateur.demo import tables
from secateur.demo.checks import check
from secateur.demo.data import load_digits
from secateur.demo.measure import Row
from secateur.demo.network import CompactCNN
from secateur.demo.report import render
from secateur.demo.run import Options, run_demo
from secateur.demo.training import accuracy, fit
from secateur.demo.variants import VARIANTS, make_recipe, prune


def row(key: str, **changes: object) -> Row:
    made = Row(
        key=key,
        label=key,
        must_pay=key == "element90",
        parameters=1000,
        torch_accuracy=0.99,
        accuracy=0.99,
        differing=0,
        max_abs_err=1e-6,
        tolerance=1e-3,
        file_bytes=100 if key == "element90" else 1000,
        path=Path("m.sct"),
        model=torch.nn.Identity(),
        latency=summarize([1e5, 2e5]),
        dense_latency=summarize([3e5]),
        torch_latency=summarize([9e5]),
        profile=[{"name": "layer<1>", "median_ns": 10}],
        predictions=[3] * 24,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_split_is_held_out_stratified_and_fixed() -> None:
    data = load_digits(seed=0)
    assert data.train_images.shape == (1347, 1, 32, 32)
    assert data.test_images.shape == (450, 1, 32, 32)
    assert data.test_images.dtype == np.float32
    assert data.test_images.min() >= 0
    assert data.test_images.max() <= 1
    shares = np.bincount(data.test_labels) / np.bincount(sklearn_digits().target)
    assert np.allclose(shares, 0.25, atol=0.02)
    again = load_digits(seed=0)
    np.testing.assert_array_equal(again.test_images, data.test_images)
    together = np.concatenate([data.train_images, data.test_images]).reshape(1797, -1)
    assert len(together) == len(sklearn_digits().images)
    assert load_digits(seed=0, limit=10).test_labels.shape == (10,)


def test_network_has_what_the_demo_promises() -> None:
    model = CompactCNN()
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    kinds = {
        ("depthwise" if m.groups > 1 else f"{m.kernel_size[0]}x{m.kernel_size[1]}") for m in convolutions
    }
    assert kinds == {"3x3", "1x1", "depthwise"}
    assert 100_000 < sum(p.numel() for p in model.parameters()) < 300_000
    assert model.eval()(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.key)
def test_pruned_copies_have_their_pattern(variant: object) -> None:
    data = load_digits(limit=64)
    torch.manual_seed(0)
    dense = CompactCNN(width=32).eval()
    before = {name: value.clone() for name, value in dense.state_dict().items()}
    pruned = prune(dense, variant, data, epochs=2, learning_rate=1e-3, seed=0)  # type: ignore[arg-type]
    for name, value in dense.state_dict().items():
        torch.testing.assert_close(value, before[name])
    weight = pruned.get_submodule("residual.first.0").weight
    assert isinstance(weight, torch.Tensor)
    matrix = weight.detach().reshape(weight.shape[0], -1)
    zeros = float((matrix == 0).float().mean())
    key = variant.key  # type: ignore[attr-defined]
    if key == "channel50":
        assert weight.shape[:2] == (16, 16)
        return
    assert zeros == pytest.approx({"element90": 0.9, "block80": 0.8, "nm24": 0.5, "int8": 0.8}[key], abs=0.02)
    if key == "block80":
        blocks = (matrix != 0).reshape(-1, 4, matrix.shape[1])
        assert bool((blocks.all(1) | ~blocks.any(1)).all())
    if key == "int8":
        taps = (weight != 0).reshape(weight.shape[0], -1, 4, *weight.shape[2:])
        assert bool((taps.all(2) | ~taps.any(2)).all())
    assert bool((pruned.get_submodule("classifier").weight != 0).all())


def test_gradual_schedule_ends_before_the_training_does() -> None:
    for variant in VARIANTS:
        table = make_recipe(variant, total_steps=100)
        assert table.get("schedule", {"end": 0})["end"] <= 60


def test_checks_pass_and_fail() -> None:
    rows = [row("dense"), row("element90")]
    assert all(c.passed for c in check(rows))
    slow = [rows[0], row("element90", latency=summarize([4e5]))]
    assert [c.text for c in check(slow) if not c.passed] == ["element90: faster than its dense self"]
    big = [rows[0], row("element90", file_bytes=400)]
    assert [c.detail for c in check(big) if not c.passed] == ["0.40"]
    for wrong in (
        row("element90", max_abs_err=0.1),
        row("element90", accuracy=0.98),
        row("element90", max_abs_err=float("nan")),
    ):
        failed = [c for c in check([rows[0], wrong]) if not c.passed]
        assert [c.fatal for c in failed] == [True]
    assert not check([row("dense", accuracy=0.97, torch_accuracy=0.97)])[0].passed


def test_tables_fit_eighty_columns() -> None:
    rows = [row("dense"), row("element90", label="unstructured 90%")]
    console = Console(width=80, record=True, quiet=False, file=open_null())
    cells = tables.narrowed(tables.digits_rows(rows))
    console.print(text_table("t", tables.NARROW, cells))
    text = console.export_text()
    assert "…" not in text
    assert "unstructured 90%" in text
    assert "6.00×" in text  # 900 of PyTorch's over the median of 100 and 200


def open_null() -> object:
    import io

    return io.StringIO()


def test_page_is_whole_and_escaped() -> None:
    data = load_digits(limit=24)
    rows = [row("dense"), row("element90")]
    facts = {"machine": {"cpu": "a <cpu>", "flags": ["avx2"]}, "versions": {"torch": "2"}}
    page = render(rows, [], check(rows), data, threads=1, seconds=3.0, **facts)
    assert page.count("<svg") == 4
    assert "a &lt;cpu&gt;" in page
    assert "src=" not in page.replace('<img src="data:', "")  # nothing is fetched
    assert 'href="http' not in page


@pytest.mark.slow
def test_training_learns() -> None:
    data = load_digits(limit=640)
    torch.manual_seed(0)
    model = CompactCNN(width=32)
    from secateur.demo.training import logits

    fit(model, data, epochs=12, learning_rate=6e-3, seed=0)
    assert accuracy(logits(model, data.test_images).numpy(), data.test_labels) > 0.8


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path) -> None:
    console = Console(record=True, width=80, file=open_null())
    outcome = run_demo(Options(out=tmp_path, quick=True), console)
    assert outcome.faithful
    assert {path.name for path in tmp_path.iterdir()} >= {
        "report.html",
        "results.json",
        "dense.sct",
        "element90.sct",
        "int8.sct",
    }
    read = json.loads((tmp_path / "results.json").read_text())
    assert [r["key"] for r in read["digits"]] == [
        "dense",
        "element90",
        "block80",
        "nm24",
        "channel50",
        "int8",
    ]
    assert all(r["differing"] == 0 for r in read["digits"] if r["key"] != "int8")
    text = console.export_text()
    assert "Handwritten digits" in text
    assert "MobileNetV2" in text
    assert "random weights" in text
