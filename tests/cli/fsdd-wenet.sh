#!/usr/bin/env bash
# Real speech, from audio to error rates, against WeNet's transcripts of the same models (shared data/fsdd):
# features, encoder, searches, rescoring. Every transcript that differs must be a near-tie.
#   bash tests/cli/fsdd-wenet.sh          wenet_moe, whole utterances and chunk 16
#   bash tests/cli/fsdd-wenet.sh --all    all three models, chunks full, 4, 8, 16; prints RESULTS.md's table anew
. "$(dirname "$0")/../support/cli.sh"

models=(wenet_moe) chunks=(-1 16)
if [ "${1:-}" = --all ]; then
  models=(wenet_dense wenet_moe wenet_dense_big) chunks=(-1 4 8 16)
fi
sets=(test_clean test_noisy)
threads=2

features() { # model.safetensors set
  nnet-info --print-args=false --json "$1" | python3 "$root/tests/support/fsdd_wenet.py" options >"$tmp/fbank.conf" &&
    (cd "$fsdd" && compute-fbank-feats --print-args=false --config="$tmp/fbank.conf" "scp:data/$2/wav.scp" \
      "ark,scp:$tmp/$2.ark,$tmp/$2.scp")
}

decode() { # model-dir set chunk
  local dir=$1/$2/$3 mode reverse streaming=false
  mkdir -p "$dir"
  [ "$3" -lt 0 ] || streaming=true
  nnet-forward --print-args=false --threads=$threads --chunk-size="$3" --streaming=$streaming \
    --stats="$dir/forward.json" "$1/model.safetensors" "scp:$tmp/$2.scp" "ark:$dir/logp.ark" "ark:$dir/encoder.ark" &&
    ctc-decode --print-args=false --method=greedy "ark:$dir/logp.ark" "ark,t:$dir/ctc_greedy_search.tokens" &&
    ctc-decode --print-args=false --beam=10 --nbest=10 --threads=$threads "ark:$dir/logp.ark" "ark,t:$dir/nbest.tokens" \
      "ark,t:$dir/nbest.scores" || return
  awk '$1 ~ /-1$/ { sub(/-1$/, "", $1); print }' "$dir/nbest.tokens" >"$dir/ctc_prefix_beam_search.tokens"
  for reverse in 0.0 0.3 0.5; do
    attention-rescore --print-args=false --threads=$threads --ctc-weight=0.5 --reverse-weight=$reverse \
      "$1/model.safetensors" "ark:$dir/encoder.ark" "ark:$dir/nbest.tokens" "ark:$dir/nbest.scores" \
      "ark,t:$dir/attention_rescoring_r$reverse.tokens" || return
  done
  for mode in ctc_greedy_search ctc_prefix_beam_search attention_rescoring_r{0.0,0.3,0.5}; do
    tokens-to-text --print-args=false "$1/units.txt" "ark:$dir/$mode.tokens" "ark,t:$dir/$mode.text" &&
      compute-wer --print-args=false --json="$dir/$mode.wer" "ark:$fsdd/data/$2/text" "ark:$dir/$mode.text" &&
      compute-wer --print-args=false --cer --json="$dir/$mode.cer" "ark:$fsdd/data/$2/text" "ark:$dir/$mode.text" ||
      return
  done
}

# The comparison itself must be able to fail: the first utterance gets its second hypothesis in three files.
altered() { # model
  local alternative mode
  mkdir "$tmp/altered" && ln -s "$fsdd/$1"/* "$tmp/altered/" || return 0
  alternative=$(awk '$1 ~ /-2$/ { sub(/-2$/, "", $1); print; exit }' "$tmp/$1/test_clean/16/nbest.tokens" |
    tokens-to-text "$tmp/$1/units.txt" ark:- ark,t:- 2>/dev/null)
  for mode in ctc_greedy_search ctc_prefix_beam_search attention_rescoring_r0.3; do
    rm "$tmp/altered/hyps_test_clean_${mode}_16.txt"
    { echo "$alternative"; sed 1d "$fsdd/$1/hyps_test_clean_${mode}_16.txt"; } \
      >"$tmp/altered/hyps_test_clean_${mode}_16.txt"
  done
  python3 "$root/tests/support/fsdd_wenet.py" compare "$tmp/altered" "$tmp/$1" "$tmp" altered.md >"$tmp/altered.out" && return 0
  grep -A2 'NOT A NEAR-TIE' "$tmp/altered.out" >&2
  echo "$(grep -c 'NOT A NEAR-TIE' "$tmp/altered.out") differ" >&2
  return 1
}

if [ -z "$fsdd" ]; then
  skip "fsdd against WeNet" "no shared data/fsdd"
else
  for model in "${models[@]}"; do
    exp=$tmp/$model
    mkdir "$exp"
    check "$model: import" nnet-import --print-args=false "$fsdd/$model/config.json" "$fsdd/$model/final.safetensors" \
      "$exp/model.safetensors"
    python3 "$root/tests/support/fsdd_wenet.py" units "$fsdd/$model/config.json" >"$exp/units.txt"
    for set in "${sets[@]}"; do
      [ -e "$tmp/$set.scp" ] || check "features of $set" features "$exp/model.safetensors" "$set"
      for chunk in "${chunks[@]}"; do
        check "$model $set chunk $chunk: decode" decode "$exp" "$set" "$chunk"
      done
    done
    check "$model: features and transcripts are WeNet's, or near-ties" python3 "$root/tests/support/fsdd_wenet.py" \
      compare "$fsdd/$model" "$exp" "$tmp" "$model.table"
    cat "$tmp/.check.out"
  done
  check_fails "a wrong transcript would be found, with its gap" 1 '^3 differ' altered wenet_moe
  cat "$tmp/.check.err" "$tmp"/*.table
fi
