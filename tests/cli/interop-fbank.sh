#!/usr/bin/env bash
# Filter banks and cepstra against the PyPI package kaldi_native_fbank (tests/cli/interop_fbank.py).
# INTEROP_SEEDS="1 2 3" tries more option sets.
. "$(dirname "$0")/../support/cli.sh"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1

if ! why=$(python3 "$root/tests/cli/interop_fbank.py" probe "$tmp" 0 2>&1); then
  skip "interop-fbank" "python3 with kaldi_native_fbank, kaldiio and numpy is needed: $(tail -n 1 <<<"$why")"
  exit
fi
folder=
if [ -n "$shared" ] && [ -d "$shared/golden/fbank/wav" ]; then
  folder=$shared/golden/fbank # has more audio than the source tree
elif [ -n "$golden" ] && [ -d "$golden/fbank/wav" ]; then
  folder=$golden/fbank
fi
if [ -n "$folder" ]; then
  check "the option sets of the golden vectors" python3 "$root/tests/cli/interop_fbank.py" golden "$tmp" 0 "$folder"
  cat "$tmp/.check.out"
else
  skip "the option sets of the golden vectors" "no golden audio"
fi
for seed in ${INTEROP_SEEDS:-1 2}; do
  check "random option sets, seed $seed" python3 "$root/tests/cli/interop_fbank.py" random "$tmp" "$seed"
  cat "$tmp/.check.out"
done
