#!/usr/bin/env bash
# The C++ tests under emulated x86 CPUs without AVX (Nehalem) and without AVX2 (Sandy Bridge): scalar kernels, no
# illegal instruction. `make test-old-x86` calls it. TESTS="golden_test ..." names some.
set -euo pipefail
cd "$(dirname "$0")/../.."

jobs=${JOBS:-$(nproc)}
cmake --preset dev >/dev/null
cmake --build --preset dev -j "$jobs" ${TESTS:+--target $TESTS} | tail -n 1
failed=0
for cpu in Nehalem SandyBridge; do
  count=0
  for test in build/dev/tests/cpp/*/*_test; do
    [ -z "${TESTS:-}" ] || [[ " $TESTS " == *" $(basename "$test") "* ]] || continue
    case $(basename "$test") in tools_test) continue ;; esac  # starts secateur-run, which would not be emulated
    if ! output=$(QEMU_CPU=$cpu qemu-x86_64-static "$test" --gtest_filter=-Isa.OfEmulatedCores 2>&1); then
      echo "$cpu: $(basename "$test") failed:"
      echo "$output" | tail -n 20
      failed=1
    fi
    count=$((count + 1))
  done
  echo "$cpu: $count test programs"
done
exit $failed
