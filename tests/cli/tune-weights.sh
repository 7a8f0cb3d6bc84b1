#!/usr/bin/env bash
# tune-weights: the errors that attention-rescore makes with the same weights, its configuration, refusals, tables that
# do not fit.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "tune-weights" "no golden models"
  exit
fi
dir=$(dirname "$weights")
model=$tmp/moe.safetensors
check "import" nnet-import --units="$dir/units.txt" "$dir/config.json" "$weights" "$model"
check "n-best lists" ctc-decode --nbest=10 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/nbest" "ark,t:$tmp/scores"
rescore() { attention-rescore --print-args=false "$@"; }
enc=ark:$dir/enc_offline.ark
check "components" rescore --components="ark,t:$tmp/parts" "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null
# Every token is a word; the references are somewhere in the lists, the language model likes what has a 9.
sed 's/ \([0-9]\)/ w\1/g' "$tmp/nbest" >"$tmp/text"
for n in 1:3 2:7 3:1 4:9; do sed -n "s/^\(utt${n%:*}\)-${n#*:} /\1 /p" "$tmp/text"; done | sed 's/w1\>/other/' >"$tmp/ref"
awk '{ n = 0; for (i = 2; i <= NF; i++) n += ($i == 9); print $1, " [", n - NF / 2, "]" }' "$tmp/nbest" >"$tmp/lm"

tune() { tune-weights --print-args=false "$@" ark:"$tmp/nbest" ark:"$tmp/text" ark:"$tmp/parts" ark:"$tmp/ref" "$tmp/conf"; }
check_fails "runs, and misses --not-for" 0 'nothing says which texts will be reported' tune
cp "$tmp/.check.out" "$tmp/table"
cp "$tmp/conf" "$tmp/conf1"
check "the same again" tune
check "gives the same bytes" cmp "$tmp/conf" "$tmp/conf1"
check_equal "the configuration" "$(sed -n '/^#/!s/=.*//p' "$tmp/conf" | xargs)" 'ctc-weight reverse-weight length-bonus'
errors_of() { # <config> [option...]: errors of attention-rescore with it
  local config=$1
  shift
  rescore --config="$config" "$@" "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" "ark,t:$tmp/best" || return
  sed 's/ \([0-9]\)/ w\1/g' "$tmp/best" >"$tmp/best.text"
  compute-wer --print-args=false "ark:$tmp/ref" "ark:$tmp/best.text" | sed -n 's/%WER .* \[ \([0-9]*\) .*/\1/p'
}
check_equal "attention-rescore makes so many errors" "$(errors_of "$tmp/conf" 2>/dev/null)" "$(awk '$1 == "chosen" { print $6 }' "$tmp/table")"
: >"$tmp/default"
check_equal "and so many without" "$(errors_of "$tmp/default" 2>/dev/null)" "$(awk '$1 == "untuned" { print $6 }' "$tmp/table")"
check_equal "fewer, and not fewer than the best" "$(awk '$1 == "untuned" { u = $6 } $1 == "chosen" { c = $6 }
  /^best of/ { b = $5 } END { print (b <= c && c < u) }' "$tmp/table")" 1

check "with a language model" tune --lm-scores="ark:$tmp/lm"
check_equal "has its weight" "$(sed -n '/^#/!s/=.*//p' "$tmp/conf" | xargs)" 'ctc-weight reverse-weight lm-weight length-bonus'
check_equal "and its errors" "$(errors_of "$tmp/conf" --lm-scores="ark:$tmp/lm" 2>/dev/null)" \
  "$(awk '$1 == "chosen" { print $6 }' "$tmp/.check.out")"
check_fails "a weight without scores" 2 'lm-weight=0.5 needs --lm-scores' \
  rescore --lm-weight=0.5 "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null
grep -v '^utt2-3 ' "$tmp/lm" >"$tmp/lm2"
check_fails "a score that is not there" 1 "utterance utt2: .*no entry for key 'utt2-3' in .*lm2" \
  rescore --lm-weight=0.5 --lm-scores="ark:$tmp/lm2" "$model" "$enc" "ark:$tmp/nbest" "ark:$tmp/scores" ark,t:/dev/null
cut -d ' ' -f 1-5 "$tmp/parts" | sed 's/$/ ]/' >"$tmp/left"
check "without right to left" tune-weights "ark:$tmp/nbest" "ark:$tmp/text" "ark:$tmp/left" "ark:$tmp/ref" "$tmp/conf"
head -n 2 "$tmp/ref" >"$tmp/easy"
check_fails "a set that tells nothing" 0 'does not tell any weights from those without tuning' \
  tune-weights --mode=present --ctc-weights=0.5 --reverse-weights=0.3 --length-bonuses=0 --halvings=-1 "ark:$tmp/nbest" "ark:$tmp/text" \
  "ark:$tmp/parts" "ark:$tmp/easy"
check_equal "no reverse weight" "$(grep -c reverse "$tmp/conf")" 0
errors_of "$tmp/default" >/dev/null 2>&1
check "a set that says what these weights choose" tune-weights "ark:$tmp/nbest" "ark:$tmp/text" "ark:$tmp/parts" "ark:$tmp/best.text" "$tmp/conf"
check_equal "keeps the weights of attention-rescore" "$(sed '/^#/d' "$tmp/conf" | xargs)" 'ctc-weight=0.5 reverse-weight=0.3 length-bonus=0'

# What is reported is not tuned on.
sed 's/^utt/other/; 1s/$/ more/' "$tmp/ref" >"$tmp/test"
check "another set" tune --not-for="ark:$tmp/test"
check_fails "the same set" 2 'utterance utt1 is in .*ref and in .*ref \(--not-for\)' tune --not-for="ark:$tmp/ref"
{ cat "$tmp/test"; sed -n 3p "$tmp/ref"; } >"$tmp/shared"
check_fails "one utterance of it" 2 'utterance utt3 is in' tune --not-for="ark:$tmp/shared"
sed 's/^utt/other/' "$tmp/ref" | sort -r >"$tmp/renamed"
check_fails "the same texts under other names" 2 'have the same texts under other names' tune --not-for="ark:$tmp/renamed"

# Tables that do not fit.
for table in text parts; do
  cp "$tmp/$table" "$tmp/$table.whole"
  grep -v '^utt3-4 ' "$tmp/$table.whole" >"$tmp/$table"
  check_fails "an entry missing: $table" 1 "no entry for key 'utt3-4' in .*$table" tune
  cp "$tmp/$table.whole" "$tmp/$table"
done
cp "$tmp/ref" "$tmp/ref.whole"
grep -v utt4 "$tmp/ref.whole" >"$tmp/ref"
check_fails "no reference" 1 'n-best list of utt4 has no reference' tune
check "which may be" tune --mode=present
echo utt9 w1 >>"$tmp/ref"
check_fails "no list" 1 '1 of 4 references have no n-best list \(utt9\)' tune
cp "$tmp/ref.whole" "$tmp/ref"
check_fails "not a list of weights" 2 "ctc-weights=0;1: '0;1' is not a number" tune '--ctc-weights=0;1'
check_fails "a weight that cannot be" 2 'reverse-weight=2: must be from 0 to 1' tune --reverse-weights=2
check "help" tune-weights --help
