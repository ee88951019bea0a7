#!/usr/bin/env bash
# Where the raw results of this machine and day go: benchmarks/runs/<machine>-<date>, which is not tracked.
# `benchmarks/results.py gather` makes of it what is kept of a machine.
machine=$(sed -n '/^model name/{s/^[^:]*: //p;q}' /proc/cpuinfo | tr -cs 'A-Za-z0-9\n' '-' | tr 'A-Z' 'a-z')
echo "benchmarks/runs/${machine:-$(uname -m)}-$(date +%Y%m%d)"
