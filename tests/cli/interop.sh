#!/usr/bin/env bash
# Tables against the PyPI packages kaldiio and kaldi_native_io, in both directions (tests/cli/interop.py).
# INTEROP_SEEDS="1 2 3" tries more random tables.
. "$(dirname "$0")/../support/cli.sh"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1

if ! why=$(python3 "$root/tests/cli/interop.py" probe "$tmp" 0 2>&1); then
  skip "interop" "python3 with kaldiio, kaldi_native_io and numpy is needed: $(tail -n 1 <<<"$why")"
  exit
fi
cases=(native_matrix native_vector native_ints native_doubles native_compressed native_compress native_tokens
  kaldiio_matrix kaldiio_vector kaldiio_ints kaldiio_doubles kaldiio_compressed kaldiio_compress
  ranges pipes)
if [ -x "$BUILD/tests/table/basic-tables-test" ]; then
  cases+=(native_types)
else
  skip "native_types" "needs the unit tests: make test-build"
fi
for case in "${cases[@]}"; do
  for seed in ${INTEROP_SEEDS:-1}; do
    check "$case, seed $seed" python3 "$root/tests/cli/interop.py" "$case" "$tmp" "$seed"
  done
done
