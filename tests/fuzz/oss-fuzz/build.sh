#!/usr/bin/env bash
# Run by OSS-Fuzz, which sets CC, CXX, CFLAGS, CXXFLAGS (sanitizer, coverage), LIB_FUZZING_ENGINE, SRC, WORK and OUT.
set -euo pipefail
cmake -S "$SRC/secateur" -B "$WORK/secateur" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS" -DSECATEUR_BUILD_FUZZERS=ON -DSECATEUR_BUILD_TOOLS=OFF \
  -DSECATEUR_FUZZING_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$WORK/secateur" --target model_fuzzer
cp "$WORK/secateur/tests/fuzz/model_fuzzer" "$OUT/"
(cd "$SRC/secateur/tests/fuzz/corpus" && zip -q "$OUT/model_fuzzer_seed_corpus.zip" ./*.sct)
printf '[libfuzzer]\nmax_len = 65536\nlen_control = 0\ntimeout = 60\nrss_limit_mb = 2048\n' >"$OUT/model_fuzzer.options"
