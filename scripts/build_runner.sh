#!/usr/bin/env bash
# Builds the programs for devices, static and stripped, into python/secateur/device/, where `secateur deploy` and `tune
# --device` look for them and wheels take them along.
#
#   scripts/build_runner.sh [TARGET]     aarch64 (default) or x86_64
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-aarch64}
jobs=${JOBS:-$(nproc)}
case "$target" in
  aarch64)
    build=build/aarch64 strip=aarch64-linux-gnu-strip
    cmake --preset aarch64 >/dev/null
    ;;
  x86_64)
    build=build/x86_64 strip=strip
    cmake --preset release -B "$build" -DSECATEUR_STATIC_TOOLS=ON -DSECATEUR_INSTALL=OFF >/dev/null
    ;;
  *)
    echo "build_runner.sh: no target '$target'; there are aarch64 (Raspberry Pi 3 and later, phones) and x86_64" >&2
    exit 2
    ;;
esac
cmake --build "$build" --target secateur-run secateur-tune -j "$jobs" | tail -n 1
folder=python/secateur/device
mkdir -p "$folder"
part=$(mktemp "$folder/.part.XXXXXX")
trap 'rm -f "$part"' EXIT
for program in secateur-run secateur-tune; do
  "$strip" -o "$part" "$build/csrc/tools/$program"
  chmod 755 "$part"
  mv "$part" "$folder/$program-$target"
  echo "$folder/$program-$target: $(stat -c %s "$folder/$program-$target") bytes"
done
