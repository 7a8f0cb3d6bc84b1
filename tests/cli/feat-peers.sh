#!/usr/bin/env bash
# The feature tools against the PyPI package kaldi_native_fbank (tests/cli/feat_peers.py).
# PEER_SEEDS="1 2 3" tries more random audio, options and matrices.
. "$(dirname "$0")/../support/cli.sh"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1

if ! why=$(python3 "$root/tests/cli/feat_peers.py" probe "$tmp" 0 2>&1); then
  skip "feature tools and their peer" "python3 with kaldi_native_fbank, kaldiio and numpy is needed: $(tail -n 1 <<<"$why")"
  exit
fi
for case in fbank mfcc vtln deltas splice cmvn sliding vad stats; do
  for seed in ${PEER_SEEDS:-1}; do
    check "$case, seed $seed" python3 "$root/tests/cli/feat_peers.py" "$case" "$tmp" "$seed"
  done
done
