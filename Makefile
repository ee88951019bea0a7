# One word for each thing one does here. Each entry sets up what it needs (scripts/setup.sh), once.

PY := .venv/bin/python
JOBS ?= $(shell nproc)

.PHONY: help setup demo test test-cpp test-python test-slow test-long test-arm test-old-x86 cross wheels sdk \
  test-device test-asan test-tsan fuzz soak bench bench-kernels coverage onnx-conformance docs results runner \
  lint tidy mutants format clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

setup:  ## system packages, virtual environment, build
	@scripts/setup.sh

demo: setup  ## the main job, end to end: prune, compile, run, compare (under 4 minutes)
	$(PY) -m secateur.cli demo $(ARGS)

test: setup test-cpp test-python  ## the fast tests, C++ and Python

test-cpp: setup
	cmake --preset dev >/dev/null
	cmake --build --preset dev -j $(JOBS) | tail -n 3
	ctest --preset dev -j 1

test-python: setup
	$(PY) -m pytest -q -n $(JOBS) -m "not slow" $(ARGS)

test-slow: setup  ## whole networks and the demo
	$(PY) -m pytest -q -n $(JOBS) -m "slow and not long" $(ARGS)

test-long: setup  ## what .ci/run has no time for: SDK, notebooks, consumers, more random networks, the emulated board
	$(PY) -m pytest -q -m long $(ARGS)
	$(MAKE) test-device

test-arm:  ## cross-build, and test under emulated Cortex-A53, A72, A76 and max
	@scripts/setup.sh --arm
	tests/arm/run.sh

test-device:  ## deploy to, run on and verify an emulated board over ssh on 127.0.0.1
	@scripts/setup.sh --arm --device
	CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) scripts/build_runner.sh aarch64
	$(PY) -m pytest -q tests/arm/test_board.py

test-asan:  ## C++ tests under the address and undefined-behaviour sanitizers
	@scripts/setup.sh --cpp
	tests/cpp/sanitize.sh asan

test-tsan:  ## thread pool and sessions under the thread sanitizer
	@scripts/setup.sh --cpp
	tests/cpp/sanitize.sh tsan

test-old-x86:  ## C++ tests as x86 CPUs without AVX and without AVX2
	@scripts/setup.sh --cpp --arm
	tests/cpp/old_x86.sh

cross:  ## build for another machine and test it there, emulated (TARGET=..., scripts/cross.sh lists them)
	@scripts/setup.sh --cpp --arm
	scripts/cross.sh $(TARGET)

wheels: setup  ## wheels for Linux on x86-64, AArch64 and 32-bit Arm, and the sdist, into dist/
	scripts/wheels.sh $(ARGS)

sdk:  ## headers, libraries, CMake package, secateur-run in a tar (TARGET=native, aarch64-linux-gnu, ...), into dist/
	@scripts/setup.sh --cpp --arm
	scripts/sdk.sh $(or $(TARGET),native)

SECONDS ?= 60
fuzz:  ## the fuzzer of model files for SECONDS (60): executions, edges, findings
	@scripts/setup.sh --cpp --fuzz
	tests/fuzz/run.sh $(SECONDS)

soak:  ## models opened, run and closed from many threads for SECONDS (60): answers, memory, descriptors
	@scripts/setup.sh --cpp
	cmake --preset dev >/dev/null
	cmake --build --preset dev -j $(JOBS) --target soak | tail -n 1
	build/dev/tests/soak/soak $(SECONDS)

bench: setup  ## this runtime against PyTorch, onnxruntime, LiteRT and TensorFlow Lite, in one run
	@benchmarks/setup_rivals.sh
	benchmarks/run.sh $(ARGS)

bench-kernels:  ## kernel benchmarks as shares of what bounds them
	@scripts/setup.sh --bench
	cmake --preset bench >/dev/null
	cmake --build --preset bench -j $(JOBS) | tail -n 3
	benchmarks/kernels/run.sh $(ARGS)

coverage: setup  ## which networks of timm, torchvision, transformers, ultralytics, ... compile and match PyTorch
	@benchmarks/coverage/run.sh $(ARGS)

docs: setup  ## docs/ as a site in build/docs/site, links checked
	@scripts/docs/build.sh

onnx-conformance: setup  ## the onnx package's own cases: which operators do as they are defined; into docs/onnx.md
	$(PY) benchmarks/onnx_conformance.py --write $(ARGS)

results: setup  ## draw tables and plots of benchmarks/results/ into build/results/
	$(PY) benchmarks/results.py render benchmarks/results/*.json -o build/results

TARGET ?= aarch64
runner:  ## the programs for devices, static, into python/secateur/device/ (TARGET=aarch64 or x86_64)
	@scripts/setup.sh --cpp $(if $(filter aarch64,$(TARGET)),--arm)
	scripts/build_runner.sh $(TARGET)

lint:  ## formatters, linters and types
	@scripts/setup.sh --lint
	git ls-files '*.cc' '*.h' '*.hpp' '*.c' | xargs clang-format --dry-run -Werror
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) scripts/check_text.py

tidy:  ## clang-tidy over the C++ that is not kernels (.clang-tidy says which checks)
	@scripts/setup.sh --cpp --tidy
	cmake --preset dev >/dev/null && cmake --build --preset dev -j $(JOBS) --target secateur_schema
	git ls-files 'csrc/*.cc' | grep -vE 'csrc/(kernels|bindings)/' | \
	  xargs -P $(JOBS) -n 4 clang-tidy -p build/dev --extra-arg=-std=c++17 --quiet

mutants: setup  ## faults in passes and formats that no test sees (FILES="..." names some)
	$(PY) scripts/mutants.py $(FILES)

format:  ## format everything in place
	git ls-files '*.cc' '*.h' '*.hpp' '*.c' | xargs clang-format -i
	$(PY) -m ruff check -q --fix . ; $(PY) -m ruff format -q .

clean:  ## remove builds (keeps .venv)
	rm -rf build
