#!/usr/bin/env bash
# Fuzzes the model file: opens and runs what a structure-aware mutator makes, under the address and
# undefined-behaviour sanitizers. Prints executions, edges covered and findings; exits 1 when there is one.
#
#   tests/fuzz/run.sh [SECONDS]        60; new inputs are kept in build/fuzz/corpus, findings in build/fuzz
#   tests/fuzz/run.sh --corpus         writes tests/fuzz/corpus anew (tests/fuzz/make_corpus.cc)
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=${CLANGXX:-}
for name in clang++ clang++-19 clang++-16 clang++-14; do
  [ -n "$clang" ] || clang=$(command -v "$name" || true)
done
[ -n "$clang" ] || { echo "fuzz: Clang is needed (apt-get install clang), or CLANGXX=..." >&2; exit 1; }
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang/clang++/clang}" >/dev/null
cmake --build --preset fuzz -j "${JOBS:-$(nproc)}" | tail -n 1
if [ "${1:-}" = --corpus ]; then
  build/fuzz/tests/fuzz/model_corpus tests/fuzz/corpus
  exit
fi
mkdir -p build/fuzz/corpus
found=0
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
build/fuzz/tests/fuzz/model_fuzzer build/fuzz/corpus tests/fuzz/corpus -max_total_time="${1:-60}" -timeout=20 \
  -rss_limit_mb=2048 -max_len=65536 -len_control=0 -print_final_stats=1 -artifact_prefix=build/fuzz/finding- \
  >build/fuzz/fuzz.log 2>&1 || found=1
# The last line of progress: "#1234 ... cov: edges ft: features corp: inputs/bytes exec/s: ..."
grep -E '^#[0-9]+.*cov:' build/fuzz/fuzz.log | tail -n 1 |
  sed -E 's/^#([0-9]+).* cov: ([0-9]+) ft: ([0-9]+) corp: ([^ ]+).*/fuzz: \1 executions, \2 edges, \3 features, \4/'
if [ "$found" = 1 ]; then
  grep -E 'ERROR:|runtime error|SUMMARY|Test unit written' build/fuzz/fuzz.log >&2
  exit 1
fi
echo "fuzz: no finding"
