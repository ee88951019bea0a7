#!/usr/bin/env bash
# What an app needs of secateur, for one machine, in a tar: headers, the static and the shared library, CMake
# package, pkg-config files, secateur-run, examples, an Android library (Gradle, JNI) and a Swift package over these.
#
#   scripts/sdk.sh [TARGET] [FOLDER]    TARGET: native, aarch64-linux-gnu, arm-linux-gnueabihf, riscv64-linux-gnu
#                                       or one of zig's (scripts/cross.sh lists them). FOLDER: dist unless given.
#
# The tar is FOLDER/secateur-sdk-VERSION-TARGET.tar.gz.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-native}
out=${2:-dist}
jobs=${JOBS:-$(nproc)}
settings=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR=lib -DSECATEUR_WERROR=ON)
strip=strip
# An app's own C++ library, if it has one, is none of ours: GCC's goes into the shared library, unseen.
link="-static-libstdc++ -static-libgcc"
case $target in
  native) ;;
  *-linux-gnu | *-linux-gnueabihf)
    [ -f "cmake/$target.cmake" ] || { echo "sdk.sh: no cmake/$target.cmake" >&2; exit 2; }
    settings+=(--toolchain "cmake/$target.cmake" -DSECATEUR_STATIC_TOOLS=ON)
    strip=$target-strip
    ;;
  *)
    zig=${ZIG:-$(command -v zig || true)}
    [ -n "$zig" ] || { echo "sdk.sh: $target needs zig: pip install ziglang, and ZIG=/path/to/zig" >&2; exit 1; }
    settings+=(--toolchain cmake/zig.cmake "-DSECATEUR_ZIG=$zig" "-DSECATEUR_ZIG_TARGET=$target")
    link=
    strip=
    ;;
esac

version=$(sed -nE 's/^#define SCT_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+)$/\2/p' csrc/include/secateur/secateur.h |
  paste -sd.)
name=secateur-sdk-$version-$target
build=build/sdk/$target
prefix=$build/$name
rm -rf "$prefix"
for shared in OFF ON; do
  tools=$([ $shared = OFF ] && echo ON || echo OFF)
  cmake -S . -B "$build/shared-$shared" "${settings[@]}" -DBUILD_SHARED_LIBS=$shared -DSECATEUR_BUILD_TOOLS=$tools \
    -DSECATEUR_INSTALL=ON -DCMAKE_SHARED_LINKER_FLAGS="$link" -DCMAKE_INSTALL_PREFIX="$PWD/$prefix" >/dev/null
  cmake --build "$build/shared-$shared" -j "$jobs" | tail -n 1
  cmake --install "$build/shared-$shared" >/dev/null
done
if [ -n "$strip" ]; then
  "$strip" --strip-unneeded "$prefix"/lib/libsecateur.so.*.*.*
  "$strip" "$prefix/bin/secateur-run"
  "$strip" --strip-debug "$prefix/lib/libsecateur.a"
fi
mkdir -p "$prefix/share/secateur/examples" "$out"
cp examples/embed.c examples/embed.cpp examples/CMakeLists.txt "$prefix/share/secateur/examples/"
cp -r examples/swift "$prefix/share/secateur/"
# The Android library is the one of `secateur new app --kind android`.
template=python/secateur/apps/templates/android android=$prefix/share/secateur/android
mkdir -p "$android"
cp -r "$template"/{secateur,build.gradle.kts,gradle.properties} "$android/"
sed '/include(/s/":app", //; s/@NAME@/secateur/' "$template/settings.gradle.kts" >"$android/settings.gradle.kts"
sed -i "s/@VERSION@/${version%.*}/" "$android/secateur/src/main/cpp/CMakeLists.txt"
tar -C "$build" -czf "$out/$name.tar.gz" "$name"
for file in "$prefix"/lib/libsecateur.so.*.*.* "$prefix/bin/secateur-run" "$out/$name.tar.gz"; do
  [ ! -f "$file" ] || echo "$(stat -c %s "$file") bytes  $file"
done
