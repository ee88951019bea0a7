"""Engine against engine on one network, in one run: interleaved, checked before timed, recorded.

`harness` takes turns and refuses wrong answers; `engines` holds one adapter per rival; `report` and
`plots` show what came out. docs/benchmarks.md says how to reproduce a result.
"""
