"""An installed wheel runs the golden models as the file beside each says: NumPy and nothing else.

python scripts/check_wheel.py tests/golden
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import secateur


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    """The inputs of the golden models (tests/golden/README.md)."""
    count = int(np.prod(shape))
    return (0.01 * (np.arange(count) * 31 % 101) - 0.5).astype(np.float32).reshape(shape)


def main() -> None:
    folder = Path(sys.argv[1])
    assert Path(secateur.__file__).resolve().parents[1].name != "python", "the checkout was imported"
    for path in sorted(folder.glob("v*.sct")):
        session = secateur.Session(path)
        inputs = [ramp(port["shape"]) for port in session.inputs]
        outputs = session.run(*inputs)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        for i, got in enumerate(outputs):
            want = np.fromfile(folder / f"{path.stem}.output{i}.bin", np.float32)
            np.testing.assert_allclose(got.ravel(), want, rtol=1e-4, atol=1e-5, err_msg=path.name)
        print(f"  {path.name}: {len(outputs)} outputs as they should be, {session.isa}")


if __name__ == "__main__":
    main()
