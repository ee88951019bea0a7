#!/usr/bin/env bash
# `make coverage`: the packages whose networks are tried, beside those of .venv, in build/coverage/venv; then the
# networks. Arguments go to the program: --only 'timm/*', --list, --sparsity 0.8.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=build/coverage/venv
if [ ! -x "$venv/bin/python" ] || [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  .venv/bin/python -m venv "$venv"
  # PyTorch, NumPy and secateur come from .venv. Without dependencies: torchvision's are a PyTorch with CUDA.
  here=$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')
  echo "import site; site.addsitedir('$here')" \
    >"$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')/secateur.pth"
  "$venv/bin/pip" install -q --no-deps timm torchvision transformers segmentation-models-pytorch ultralytics \
    safetensors huggingface-hub tokenizers regex tqdm pyyaml pillow opencv-python-headless requests \
    httpx httpx2 httpcore httpcore2 truststore h11 idna anyio sniffio filelock packaging
  touch "$venv/complete"
fi
OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} "$venv/bin/python" benchmarks/coverage "$@"
