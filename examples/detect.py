"""Finds objects in a picture with a compiled YOLOv8 or YOLO11, and draws boxes around them.

    python examples/detect.py yolov8n.sct street.jpg found.png

The model is made where PyTorch is, once:

    network = ultralytics.YOLO("yolov8n.pt").model.eval()
    secateur.compile(network, torch.zeros(1, 3, 640, 640)).save("yolov8n.sct")

Here NumPy and Pillow are all that is needed. The picture may have any size: it is scaled to fit the network's
input and stands in the middle of it, on grey, as these networks were trained.
"""

from __future__ import annotations

import argparse

import numpy as np
from PIL import Image, ImageDraw

import secateur
from secateur.runtime.detections import detections

GREY = (114, 114, 114)


def fitted(picture: Image.Image, width: int, height: int) -> tuple[np.ndarray, float, int, int]:
    """(input [1, 3, height, width] from 0 to 1, scale, left, top)"""
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = Image.new("RGB", (width, height), GREY)
    canvas.paste(picture.resize(size, Image.Resampling.BILINEAR), (left, top))
    pixels = np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / 255
    return np.ascontiguousarray(pixels), scale, left, top


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="a compiled detector (.sct)")
    parser.add_argument("picture", help="an image that Pillow reads")
    parser.add_argument("out", help="the image that is written, boxes drawn on it")
    parser.add_argument("--score", type=float, default=0.25, help="least score of a detection (0.25)")
    parser.add_argument("--iou", type=float, default=0.45, help="most overlap of two of a class (0.45)")
    parser.add_argument("--threads", type=int, default=1, help="threads (1; 0 is all)")
    options = parser.parse_args()

    session = secateur.Session(options.model, threads=options.threads)
    (_, channels, height, width), *more = (port["shape"] for port in session.inputs)
    if more or channels != 3:
        parser.error(f"{options.model} does not take one picture")
    picture = Image.open(options.picture).convert("RGB")
    pixels, scale, left, top = fitted(picture, width, height)
    output = session.run(pixels)
    found = detections(
        output[0] if isinstance(output, tuple) else output, score=options.score, iou=options.iou
    )
    found[:, :4] = (found[:, :4] - [left, top, left, top]) / scale

    draw = ImageDraw.Draw(picture)
    for x1, y1, x2, y2, score, kind in found.tolist():
        draw.rectangle((x1, y1, x2, y2), outline=(255, 64, 0), width=2)
        draw.text((x1 + 3, y1 + 3), f"{int(kind)} {score:.2f}", fill=(255, 64, 0))
        print(f"class {int(kind)}  score {score:.2f}  from ({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f})")
    picture.save(options.out)
    print(f"{len(found)} found; {options.out}")


if __name__ == "__main__":
    main()
