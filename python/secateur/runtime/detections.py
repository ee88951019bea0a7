"""Detections from what a detector puts out, on the host: decoding and non-maximum suppression. NumPy only.

How many boxes suppression leaves hangs on its data, so that it stands behind the compiled network and not in
it. It takes far less time than the network: what scores too little is dropped first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError, ShapeError

Floats = NDArray[np.floating[Any]]


def overlap(box: Floats, boxes: Floats) -> Floats:
    """The area that a box shares with each of others, over the area of both together (IoU, 0 to 1).

    box: [4], boxes: [N, 4], as x1, y1, x2, y2. Returns [N]; 0 where neither has an area.

    >>> overlap(np.array([0.0, 0, 2, 2]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [0.333, 0.0]
    """
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    both = areas + np.clip(box[2:] - box[:2], 0, None).prod() - shared
    return np.asarray(np.divide(shared, both, out=np.zeros_like(shared), where=both > 0))


def non_max_suppression(
    boxes: Floats,
    scores: Floats,
    classes: NDArray[Any] | None = None,
    *,
    iou: float = 0.45,
    limit: int = 300,
) -> NDArray[np.int64]:
    """Of boxes of one class that overlap by more than `iou`, the one that scores most.

    boxes: [N, 4] as x1, y1, x2, y2; scores: [N]; classes: [N], by default all one class. Returns the numbers
    of those kept, at most `limit`, best first; of equal scores the first. Greedy, as Felzenszwalb et al.
    (2010, "Object detection with discriminatively trained part-based models", section 7) have it.

    Raises ShapeError and InvalidArgumentError.

    >>> boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    >>> non_max_suppression(boxes, np.array([0.6, 0.9, 0.5])).tolist()
    [1, 2]
    >>> non_max_suppression(boxes, np.array([0.6, 0.9, 0.5]), np.array([0, 1, 0])).tolist()
    [1, 0, 2]
    """
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    kinds = np.zeros(scores.shape, np.int64) if classes is None else np.asarray(classes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError(f"boxes are [N, 4], not {list(boxes.shape)}")
    if scores.shape != boxes.shape[:1] or kinds.shape != scores.shape:
        raise ShapeError(
            f"{len(boxes)} boxes have as many scores and classes, not {list(scores.shape)} and "
            f"{list(kinds.shape)}"
        )
    if not 0 <= iou <= 1:
        raise InvalidArgumentError(f"iou is a share from 0 to 1, not {iou!r}")
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size and len(kept) < limit:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        rival = (kinds[left] == kinds[best]) & (overlap(boxes[best], boxes[left]) > iou)
        left = left[~rival]
    return np.array(kept, np.int64)


def detections(
    output: Floats, *, score: float = 0.25, iou: float = 0.45, limit: int = 300
) -> NDArray[np.float32]:
    """What a YOLOv8 or YOLO11 puts out for one image, as detections: [M, 6] of x1, y1, x2, y2, score, class.

    output: [4 + classes, N] or [1, 4 + classes, N]: of each of N boxes the centre, the width and the height
    in pixels of the network's input, then a score for each class. Boxes below `score` are dropped, then
    `non_max_suppression` keeps the best of those that overlap.

    >>> two = np.array([[10.0, 11.0], [10, 10], [4, 4], [4, 4], [0.75, 0.5], [0.1, 0.2]])
    >>> detections(two).tolist()
    [[8.0, 8.0, 12.0, 12.0, 0.75, 0.0]]
    """
    x = np.asarray(output, np.float32)
    if x.ndim == 3 and x.shape[0] == 1:
        x = x[0]
    if x.ndim != 2 or x.shape[0] < 5:
        raise ShapeError(
            f"a detector's output is [4 + classes, boxes] of one image, not {list(np.shape(output))}"
        )
    best = x[4:].max(0)
    x = x[:, best >= score]
    centre, half = x[:2].T, x[2:4].T / 2
    boxes, kinds, scores = np.concatenate([centre - half, centre + half], 1), x[4:].argmax(0), x[4:].max(0)
    kept = non_max_suppression(boxes, scores, kinds, iou=iou, limit=limit)
    return np.concatenate([boxes[kept], scores[kept, None], kinds[kept, None].astype(np.float32)], 1)
