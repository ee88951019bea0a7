#!/usr/bin/env bash
# Builds docs/ into a site, build/docs/site: pages and reference by pages.py, then mkdocs, whose warnings (a link that
# leads nowhere, a page without a place) are errors. mkdocs lives in build/docs/venv (requirements.txt).
#
#   scripts/docs/build.sh          then open build/docs/site/index.html
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PY:-.venv/bin/python}
venv=build/docs/venv
if ! cmp -s scripts/docs/requirements.txt "$venv/.requirements.stamp"; then
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install -q -r scripts/docs/requirements.txt
  cp scripts/docs/requirements.txt "$venv/.requirements.stamp"
fi
"$python" scripts/docs/pages.py build/docs
export NO_MKDOCS_2_WARNING=1
"$venv/bin/mkdocs" build --strict --clean -f build/docs/mkdocs.yml 2>&1 | { grep -v '^INFO' || true; }
echo "docs: build/docs/site/index.html"
