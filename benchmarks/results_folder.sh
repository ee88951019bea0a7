#!/usr/bin/env bash
# Where results of this machine and day go: benchmarks/results/<machine>-<date>.
machine=$(sed -n '/^model name/{s/^[^:]*: //p;q}' /proc/cpuinfo | tr -cs 'A-Za-z0-9\n' '-' | tr 'A-Z' 'a-z')
echo "benchmarks/results/${machine:-$(uname -m)}-$(date +%Y%m%d)"
