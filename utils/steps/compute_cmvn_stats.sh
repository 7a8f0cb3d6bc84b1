#!/usr/bin/env bash
# Statistics for mean and variance normalisation of each speaker of a data directory, into its cmvn.scp.
#
# Usage: compute_cmvn_stats.sh <data-dir> [<log-dir> [<cmvn-dir>]]
#   e.g. compute_cmvn_stats.sh data/train exp/make_fbank/train fbank
#
# The folders are <data-dir>/log and <data-dir>/data if not given. Writes <cmvn-dir>/cmvn_<name>.{ark,scp}, where
# <name> is the last part of <data-dir>. The statistics of a model's training set as a whole are those that
# features.sh makes.
set -euo pipefail
if [[ -e path.sh ]]; then . ./path.sh; fi
utils=$(cd "$(dirname "$0")/.." && pwd)
. "$utils/recipe.sh"
export PATH=$utils:$PATH
parse_options "$@"
[[ ${#args[@]} -ge 1 && ${#args[@]} -le 3 ]] || usage_error "a data directory is needed, and perhaps two folders"
data=${args[0]%/} log=${args[1]:-${args[0]%/}/log} out=${args[2]:-${args[0]%/}/data}
need_file "$data/feats.scp" "make_fbank.sh makes it"
need_file "$data/spk2utt" "utils/utt2spk_to_spk2utt.pl makes it"
need_commands compute-cmvn-stats
name=$(basename "$(realpath "$data")")
mkdir -p "$log" "$out"
out=$(cd "$out" && pwd)
run-jobs "$log/cmvn_$name.log" compute-cmvn-stats "--spk2utt=ark:$data/spk2utt" "scp:$data/feats.scp" \
  "ark,scp:$out/cmvn_$name.ark,$out/cmvn_$name.scp"
cp "$out/cmvn_$name.scp" "$data/cmvn.scp.tmp"
mv "$data/cmvn.scp.tmp" "$data/cmvn.scp"
made=$(wc -l < "$data/cmvn.scp") wanted=$(wc -l < "$data/spk2utt")
((made == wanted)) || die "statistics of $made of the $wanted speakers; $log/cmvn_$name.log says why"
say "$data/cmvn.scp: statistics of $made speakers"
