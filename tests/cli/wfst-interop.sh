#!/usr/bin/env bash
# Graphs and search against PyPI's kaldifst, kaldilm and kaldi-decoder, on random small cases.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v compile-graph >/dev/null; then
  skip wfst-interop "built without OpenFst"
elif ! python3 -c 'import kaldifst, kaldilm, kaldi_decoder, numpy' 2>/dev/null; then
  skip wfst-interop "no kaldifst, kaldilm, kaldi-decoder and numpy in python3"
else
  PYTHONDONTWRITEBYTECODE=1 python3 "$root/tests/cli/wfst_interop.py" "$tmp" >"$tmp/result" 2>"$tmp/log" || cat "$tmp/log"
  check_equal "all was compared" "$(grep -cE '^(ok|bad) ' "$tmp/result")" 48
  while read -r verdict what; do check_equal "$what" "$verdict" ok; done <"$tmp/result"
fi
