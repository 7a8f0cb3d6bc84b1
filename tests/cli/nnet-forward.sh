#!/usr/bin/env bash
# nnet-forward: keys, order, both outputs, threads, job splits, streaming, bad utterances, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "nnet-forward" "no golden models"
  exit
fi
dir=$(dirname "$weights")
import() { nnet-import --print-args=false --units="$1/units.txt" "$1/config.json" "$1/weights.safetensors" "$2"; }
check "import" import "$dir" "$tmp/moe.safetensors"
model=$tmp/moe.safetensors
text() { copy-feats --print-args=false "$1" ark,t:- 2>/dev/null; }
same() { # a b tolerance, of matrices as text
  paste -d ' ' <(text "$1" | tr -s ' \n' '\n') <(text "$2" | tr -s ' \n' '\n') | awk -v limit="$3" '
    { d = $1 - $2; if (d < 0) d = -d; if (d > limit || NF != 2 || ($1 != $2 && $1 !~ /^-?[0-9]/)) { print; bad = 1 } }
    END { exit bad || NR < 1000 }'
}

check "whole utterances" nnet-forward --stats="$tmp/stats.json" "$model" "ark:$dir/feats.ark" "ark:$tmp/logp" "ark:$tmp/enc"
cp "$tmp/.check.err" "$tmp/log"
check "the header names conditions" grep -q \
  'chunk whole utterance, left chunks all; 1 thread, float32, .*OpenBLAS.*Highway' "$tmp/log"
check "real-time factor" grep -Eq 'RTF [0-9.]+ \(CPU [0-9.]+\): .* for 4\.3 s of audio' "$tmp/log"
check "statistics" python3 -c "
import json
s = json.load(open('$tmp/stats.json'))
assert abs(s['audio_seconds'] - 4.31) < 1e-6 and s['wall_seconds'] > 0 and s['rtf']['p50'] > 0, s
assert s['threads'] == 1 and s['precision'] == 'float32' and s['chunk_size'] == -1 and 'Highway ' in s['machine'], s"
check "log-posteriors as WeNet's" same "ark:$tmp/logp" "ark:$dir/ctc_offline.ark" 2e-4
check "encoder output as WeNet's" same "ark:$tmp/enc" "ark:$dir/enc_offline.ark" 5e-5
check_fails "streaming, and the header names chunks" 0 'chunk 4, left chunks 2, streaming;' nnet-forward --chunk-size=4 --num-left-chunks=2 --streaming "$model" \
  "ark:$dir/feats.ark" "ark:$tmp/slogp" "ark:$tmp/senc"
check "streaming as WeNet's" same "ark:$tmp/senc" "ark:$dir/enc_stream_chunk4_left2.ark" 5e-5
check "masked" nnet-forward --chunk-size=4 --num-left-chunks=2 "$model" "ark:$dir/feats.ark" "ark:$tmp/mlogp" "ark:$tmp/menc"
check "masked equals streaming" same "ark:$tmp/menc" "ark:$tmp/senc" 2e-5

# 40 utterances of several lengths, more than one group of 3 threads.
for i in 0 1 2 3 4 5 6 7 8 9; do
  text "ark:$dir/feats.ark" | sed "s/^\\(utt[0-9]*\\) /\\1-$i /"
done >"$tmp/many.txt"
copy-feats --print-args=false "ark:$tmp/many.txt" "ark,scp:$tmp/many.ark,$tmp/many.scp" 2>/dev/null
forward() { nnet-forward --print-args=false "$@" 2>"$tmp/log" || cat "$tmp/log"; }
for threads in 1 3; do
  forward --threads=$threads --batch-seconds=0 --chunk-size=4 "$model" "scp:$tmp/many.scp" "ark:$tmp/logp.$threads" "ark:$tmp/enc.$threads"
done
# A layer so wide that its products are split.
nnet-init --print-args=false --preset=dense-225m --num-blocks=1 --model-dim=400 --vocab-size=20 --decoder-blocks=1 \
  --reverse-decoder-blocks=1 --feature-dim="$(feat-to-dim "ark:$dir/feats.ark" - 2>/dev/null)" "$tmp/wide" 2>/dev/null
for threads in 1 3; do
  forward --op-threads=$threads --chunk-size=16 --precision=int8 "$tmp/wide" "scp:$tmp/many.scp" "ark:$tmp/logp.ops.$threads"
done
check "wide products were computed" test -s "$tmp/logp.ops.1"
check "3 threads for each product give the same" cmp "$tmp/logp.ops.1" "$tmp/logp.ops.3"
rm -f "$tmp/wide"
# Whole utterances in batches.
for seconds in 0.3 3 1000; do
  for threads in 1 3; do
    check "batches of $seconds s, $threads threads" forward --threads=$threads --batch-seconds=$seconds --chunk-size=4 "$model" "scp:$tmp/many.scp" \
      "ark:$tmp/logp.batch" "ark:$tmp/enc.batch"
    check "are the same" cmp "$tmp/logp.1" "$tmp/logp.batch"
    check "in both outputs" cmp "$tmp/enc.1" "$tmp/enc.batch"
  done
done
batch_of() { # rspecifier: the batch that the report names
  nnet-forward --stats="$tmp/batch.json" "$model" "$1" ark:/dev/null 2>/dev/null
  python3 -c "import json; print('%g' % json.load(open('$tmp/batch.json'))['batch_seconds'])"
}
check_equal "a script through a mixture goes in batches by default" "$(batch_of "scp:$tmp/many.scp")" 30
check_equal "an archive, whose results somebody may wait for, does not" "$(batch_of "ark:$tmp/many.ark")" 0
for _ in $(seq 25); do cat "$tmp/many.ark"; done >"$tmp/long.ark"
check_peak "batches bound the memory of 18 minutes" 100 nnet-forward --batch-seconds=20 "$model" "ark:$tmp/long.ark" ark:/dev/null
rm -f "$tmp/long.ark"
check_fails "batches of streams" 2 'with --streaming use --streams' nnet-forward --batch-seconds=10 --streaming "$model" "scp:$tmp/many.scp" "ark:$tmp/x"
check_fails "batches of no length" 2 '--batch-seconds=-2' nnet-forward --batch-seconds=-2 "$model" "scp:$tmp/many.scp" "ark:$tmp/x"
check "3 threads give the same log-posteriors" cmp "$tmp/logp.1" "$tmp/logp.3"
check "3 threads give the same encoder outputs" cmp "$tmp/enc.1" "$tmp/enc.3"
check_equal "the order is that of the input" "$(text "ark:$tmp/logp.3" | awk '/\[/ { print $1 }')" "$(cut -d ' ' -f 1 "$tmp/many.scp")"
head -n 17 "$tmp/many.scp" >"$tmp/job1.scp"
tail -n +18 "$tmp/many.scp" >"$tmp/job2.scp"
for job in 1 2; do forward --chunk-size=4 "$model" "scp:$tmp/job$job.scp" "ark:$tmp/logp.job$job"; done
check "two jobs give the same bytes as one" cmp "$tmp/logp.1" <(cat "$tmp"/logp.job[12])
check "through a pipe" cmp "$tmp/logp.1" <(nnet-forward --chunk-size=4 "$model" "ark:cat $tmp/many.ark |" ark:- 2>/dev/null)

# Many streams at once: the same bytes, whatever streams and threads.
for how in "" "--streams=16" "--streams=3" "--streams=5 --threads=3" "--streams=100"; do
  # shellcheck disable=SC2086  # options
  forward --chunk-size=4 --num-left-chunks=2 --streaming $how "$model" "scp:$tmp/many.scp" "ark:$tmp/logp.s$how" "ark:$tmp/enc.s$how"
  check "streams: log-posteriors with '$how'" cmp "$tmp/logp.s" "$tmp/logp.s$how"
  check "streams: encoder outputs with '$how'" cmp "$tmp/enc.s" "$tmp/enc.s$how"
done
check_fails "streams without --streaming" 2 'streams=4: .*needs --streaming' \
  nnet-forward --streams=4 --chunk-size=4 "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "no streams" 2 'streams=0' nnet-forward --streams=0 --streaming "$model" "ark:$dir/feats.ark" "ark:$tmp/x"

# Bad utterances: NaN, infinity, another dimension, too short, empty; the others come out.
text "ark:$dir/feats.ark" | sed '/^utt2 /,/\]/{s/^  [^ ]* /  nan /}; /^utt3 /,/\]/{s/^  [^ ]* [^ ]* /  0 inf /}' >"$tmp/bad.txt"
cat >>"$tmp/bad.txt" <<'END'
narrow [
  1 2 3
  4 5 6 ]
empty [ ]
END
text "ark:$dir/feats.ark" | head -n 6 | sed 's/^utt1 /short /; 6s/$/ ]/' >>"$tmp/bad.txt"
for threads in 1 3; do
  check_fails "bad utterances, $threads threads" 1 'utterance utt2: .*: key .utt2. at byte [0-9]*: features: frame 0, dimension 0 is nan' \
    nnet-forward --threads=$threads "$model" "ark:$tmp/bad.txt" "ark:$tmp/good.$threads"
done
# Features that are finite, but not what becomes of them.
text "ark:$dir/feats.ark" | sed '/^utt2 /,/\]/{s/^  [^ ]* /  1e30 /}' >"$tmp/huge.txt"
for options in --threads=1 "--streaming --chunk-size=4" "--streaming --chunk-size=4 --streams=3"; do
  # shellcheck disable=SC2086
  check_fails "features of 1e30, $options" 1 'utterance utt2: .*huge.txt: key .utt2. .*(encoder output: not finite, from features of up to 1e\+30|logits hold NaN)' \
    nnet-forward --print-args=false $options "$model" "ark:$tmp/huge.txt" "ark,t:$tmp/huge.out"
  check_equal "the others come out, $options" "$(grep -c '^utt' "$tmp/huge.out") $(grep -ci nan "$tmp/huge.out")" "3 0"
done
check_fails "bad utterances among 16 streams" 1 'utterance utt2: .*: key .utt2. at byte [0-9]*: features: frame 0, dimension 0 is nan' \
  nnet-forward --streaming --chunk-size=4 --streams=16 "$model" "ark:$tmp/bad.txt" "ark:$tmp/good.streams"
cp "$tmp/.check.err" "$tmp/bad.log"
check "infinity, with the file" grep -q "utterance utt3: .*$tmp/bad.txt: key .utt3. at byte [0-9]*: features: frame 0, dimension 1 is inf" "$tmp/bad.log"
check "dimension" grep -Eq 'utterance narrow: .*(too few|3 dimensions)' "$tmp/bad.log"
check "empty" grep -q 'utterance empty: .*: key .empty. at byte [0-9]*: 0 feature frames are too few; the model needs at least 7' "$tmp/bad.log"
check "short" grep -q 'utterance short: .*: key .short. at byte [0-9]*: 5 feature frames are too few' "$tmp/bad.log"
check "the count" grep -q 'Done 2 utterances, 5 failed' "$tmp/bad.log"
check_equal "the good ones are there" "$(text "ark:$tmp/good.3" | awk '/\[/ { print $1 }')" $'utt1\nutt4'
check "within --max-failures" nnet-forward --max-failures=5 "$model" "ark:$tmp/bad.txt" "ark:$tmp/good"
: >"$tmp/nothing.ark"
check_fails "no utterances" 1 'no utterances' nnet-forward "$model" "ark:$tmp/nothing.ark" "ark:$tmp/x"

check_fails "CUDA in a build without it" 2 'this build has no CUDA' \
  nnet-forward --device=cuda "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "unknown device" 2 'expected cpu, cuda or cuda:N' nnet-forward --device=tpu "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "unknown precision" 2 'unknown format of weights .int3.; known are float32, bfloat16, int8 and int4' \
  nnet-forward --precision=int3 "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "chunk size 0" 2 'chunk-size=0' nnet-forward --chunk-size=0 "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "0 threads" 2 'threads=0' nnet-forward --threads=0 "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "left chunks without chunks" 0 'num-left-chunks=2 has no effect' \
  nnet-forward --num-left-chunks=2 "$model" "ark:$dir/feats.ark" "ark:$tmp/x"
check_fails "not a model" 1 'config.json' nnet-forward "$dir/config.json" "ark:$dir/feats.ark" "ark:$tmp/never"
head -c 70000 "$model" >"$tmp/cut"
check_fails "a cut model" 1 'cut: .*was it copied completely' nnet-forward "$tmp/cut" "ark:$dir/feats.ark" "ark:$tmp/never"
head -c 30000 "$dir/feats.ark" >"$tmp/cutfeats"
check_fails "cut features" 1 "cutfeats: key 'utt2' .*truncated" nnet-forward "$model" "ark:$tmp/cutfeats" "ark:$tmp/never"
check_fails "a full disk" 1 'cannot write /dev/full: No space left' nnet-forward "$model" "ark:$dir/feats.ark" ark:/dev/full
check_fails "a full disk for the second output" 1 'cannot write /dev/full: No space left' \
  nnet-forward "$model" "ark:$dir/feats.ark" "ark:$tmp/whole" ark:/dev/full
closed_pipe() { (nnet-forward "$model" "ark:$dir/feats.ark" ark:-; echo $? >"$tmp/status") | true; return "$(cat "$tmp/status")"; }
check_fails "a closed pipe" 1 'cannot write -: Broken pipe' closed_pipe
check_fails "a failing command" 1 "'exit 3' ended with exit status 3" nnet-forward "$model" "ark:$dir/feats.ark" "ark:| exit 3"
check "nothing under the final name" test ! -e "$tmp/never"
check_equal "no temporary files" "$(find "$tmp" -name '.*tmp-*')" ""
check "help" nnet-forward --help

offline=$(golden_path models/dense_offline/weights.safetensors)
if [ -n "$offline" ]; then
  check "import of a model that looks ahead" import "$(dirname "$offline")" "$tmp/offline.safetensors"
  check_fails "it cannot stream" 2 'streaming: .*cannot stream' \
    nnet-forward --streaming --chunk-size=4 "$tmp/offline.safetensors" "ark:$dir/feats.ark" "ark:$tmp/x"
  check_fails "chunks are not what it was trained for" 0 'trained on whole utterances only' \
    nnet-forward --chunk-size=4 "$tmp/offline.safetensors" "ark:$dir/feats.ark" "ark:$tmp/x"
else
  skip "a model that looks ahead" "no models/dense_offline"
fi
