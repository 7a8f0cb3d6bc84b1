#!/usr/bin/env bash
# Times of words against the true ones of shared data/fsdd (ref.ctm), whole utterances and chunk 16: as CTC has them, with
# ctc-align's defaults, and with what --fit finds on dev. Prints the table of docs/transcripts.md.
#   bash tests/cli/word-times.sh
. "$(dirname "$0")/../support/cli.sh"

if [ -z "$fsdd" ] || ! command -v python3 >/dev/null; then
  skip "times of words" "no shared data/fsdd, or no python3"
  exit
fi
support=$root/tests/support
model=$tmp/model.safetensors
check "import" nnet-import --print-args=false "$fsdd/wenet_moe/config.json" "$fsdd/wenet_moe/final.safetensors" "$model"
encode() { # set: log-posteriors $tmp/<set>.<chunk>.ark
  nnet-info --print-args=false --json "$model" | python3 "$support/fsdd_wenet.py" options >"$tmp/fbank.conf" &&
    (cd "$fsdd" && compute-fbank-feats --print-args=false --config="$tmp/fbank.conf" "scp:data/$1/wav.scp" "ark:$tmp/$1.ark") &&
    nnet-forward --print-args=false --threads=2 "$model" "ark:$tmp/$1.ark" "ark:$tmp/$1.whole.ark" &&
    nnet-forward --print-args=false --threads=2 --chunk-size=16 --streaming=true "$model" "ark:$tmp/$1.ark" "ark:$tmp/$1.16.ark"
}
align() { # set chunk out [option...]
  local set=$1 chunk=$2 out=$3
  shift 3
  ctc-align --print-args=false "$@" "$model" "ark:$tmp/$set.$chunk.ark" "ark:$fsdd/data/$set/text" "$out"
}
for set in dev test_clean test_noisy; do check "log-posteriors of $set" encode "$set"; done
check "fit on dev" align dev whole "$tmp/times.conf" --fit --reference="$fsdd/data/dev/ref.ctm"
cat "$tmp/times.conf"

row() { # set chunk name ctm
  python3 "$support/ctm_errors.py" "$1 | $2 | $3" "$fsdd/data/$1/ref.ctm" "$4" >>"$tmp/table"
}
{
  echo '| set | chunk | times | begins, median ms | p90 | ends, median ms | p90 | all, median ms | p90 |'
  echo '|---|---|---|---|---|---|---|---|---|'
} >"$tmp/table"
for set in test_clean test_noisy; do
  for chunk in whole 16; do
    ctm=$tmp/$set.$chunk
    check "$set, $chunk: peaks" align "$set" "$chunk" "$ctm.peaks" --peaks
    check "$set, $chunk: defaults" align "$set" "$chunk" "$ctm.defaults"
    check "$set, $chunk: fitted" align "$set" "$chunk" "$ctm.fitted" --config="$tmp/times.conf" --reference="$fsdd/data/$set/ref.ctm"
    told=$(grep -o 'these times, .*' "$tmp/.check.err" | sed -E 's/.*; all median ([0-9]+) ms, p90 ([0-9]+) ms.*/\1 \2/')
    for times in peaks defaults fitted; do check "row" row "$set" "$chunk" "$times" "$ctm.$times"; done
    last=$(tail -n 1 "$tmp/table")
    check "$set, $chunk: ctc-align tells the same errors, but for rounding" awk -F' *[|] *' -v told="$told" \
      '{ n = split(told, t, " "); exit !(n == 2 && (t[1] - $9) ^ 2 <= 1 && (t[2] - $10) ^ 2 <= 1) }' <<<"$last"
    [ "$set" = test_clean ] || continue
    check "$set, $chunk: median of at most 60 ms" awk -F' *[|] *' '{ exit !($9 <= 60) }' <<<"$last"
  done
done
cat "$tmp/table"
