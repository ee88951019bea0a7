#!/usr/bin/env bash
# Every kernel benchmark of a build, its JSON, and a report of them all:
#   benchmarks/kernels/run.sh                         -> benchmarks/runs/<machine>-<date>/kernels/
#   benchmarks/kernels/run.sh --masks=masks.bin       the same, and masks of trained networks (masks.py)
#   benchmarks/kernels/run.sh --filter='core|avx512'  rows that match (the core's are always wanted)
#   benchmarks/kernels/run.sh --passes=2              all of it twice, minutes apart: of each row the faster counts
# BUILD names the build folder, OUT the folder to write to.
set -euo pipefail
cd "$(dirname "$0")/../.."
masks= filter=. passes=1
for argument in "$@"; do
  case $argument in
    --masks=*) masks=${argument#*=} ;;
    --passes=*) passes=${argument#*=} ;;
    --filter=*) filter=${argument#*=} ;;
    *) echo "run.sh: unknown option '$argument'" >&2; exit 2 ;;
  esac
done
programs=${BUILD:-build/bench}/benchmarks/kernels
out=${OUT:-$(benchmarks/results_folder.sh)/kernels}
mkdir -p "$out"
rm -f "$out"/*.json  # those of another build would be taken for passes of this one
run() {  # name, program, options
  "$programs/$2" --benchmark_filter="$filter" --benchmark_out="$out/$1.json" --benchmark_out_format=json \
    "${@:3}" >"$out/$1.log" 2>&1 || { cat "$out/$1.log" >&2; exit 1; }
  rm "$out/$1.log"
  echo "$1: $out/$1.json"
}
for pass in $(seq "$passes"); do
  for family in spmm spmm_i8 spmv panel depthwise attention movement; do run $family-$pass ${family}_benchmark; done
  if [ -n "$masks" ]; then run masks-$pass spmm_benchmark --masks="$masks"; fi
done
.venv/bin/python benchmarks/kernels/report.py "$out"
