"""The style of the page of results: light and dark as the reader's system, one column on a phone."""

from __future__ import annotations

STYLE = """
:root { --ink: #1b1f23; --soft: #57606a; --paper: #fff; --line: #d8dee4; --bar: #0b6e4f; --warn: #b35900; }
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --soft: #9aa4ae; --paper: #12161b; --line: #30363d; --bar: #4fb58f; --warn: #f0a050;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 0; }
p, small, .none { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td { font-variant-numeric: tabular-nums; min-width: 7rem; }
td b { font-weight: 500; } td.best b { font-weight: 800; }
td small { display: block; white-space: nowrap; }
td i { display: block; height: .25rem; margin-top: .2rem; border-radius: 2px; background: var(--bar); }
th[scope=row] { font-weight: 400; } th[scope=rowgroup] { padding-top: 1.2rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }
section { border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; }
ul { margin: .4rem 0 0; padding-left: 1.1rem; } .warning { color: var(--warn); font-weight: 600; }
details { margin: .6rem 0; } summary { cursor: pointer; }
"""
