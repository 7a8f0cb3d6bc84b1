#!/usr/bin/env bash
# ctc-align: times, scores, tables, segments, every format, fitting; utterances that cannot be aligned, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

printf '%s\n' '<blank> 0' 'A 1' 'B 2' '▁ 3' >"$tmp/units.txt"
# Each frame is sure of one token: its log-probability is -0.1, that of the others -3.
frames() { # <utterance> <token of each frame>...
  echo "$1 ["
  shift
  local k j row
  for k in "$@"; do
    row=
    for j in 0 1 2 3; do row+=" $([ "$j" = "$k" ] && echo -0.1 || echo -3)"; done
    echo "$row"
  done
  echo "]"
}
{
  frames utt1 0 0 1 1 0 3 0 2 0 0 0 0
  frames utt2 1 0 1
  echo "utt3 [ ]"
  frames utt4 0 0 0
} >"$tmp/logp"
printf '%s\n' 'utt1 A B' 'utt2 AA' 'utt3' 'utt4' >"$tmp/text"
align() { ctc-align --print-args=false "$@"; }
# Frame t is about 0.04 + 0.04 t seconds; a word of frames 2 and 3 lasts from 0.1 to 0.18.
plain=(--frame-center=0.04 --begin-share=0 --end-share=0)
all=("$tmp/units.txt" "ark:$tmp/logp" "ark:$tmp/text")

check "aligns" align "${plain[@]}" --alignment="ark,t:$tmp/ali" --token-scores="ark,t:$tmp/tokens" \
  --word-scores="ark,t:$tmp/words" "${all[@]}" "$tmp/ctm"
# Confidences: all paths over the frames up to the middle of the gaps, as summed by hand: those of utt1 over 5 frames each.
check_equal "words; the third and fourth have none" "$(cat "$tmp/ctm")" \
  'utt1 1 0.100 0.080 A 0.7479
utt1 1 0.300 0.040 B 0.6495
utt2 1 0.020 0.120 AA 0.7408'
check_equal "tokens by frame" "$(sed 's/ *$//' "$tmp/ali")" $'utt1 0 0 1 1 0 3 0 2 0 0 0 0\nutt2 1 0 1\nutt3\nutt4 0 0 0'
check_equal "scores of tokens" "$(head -n 4 "$tmp/tokens" | tr -d '[]' | awk '{ $1 = $1 } NF > 1 { $5 = sprintf("%.4f", $5) } 1')" \
  'utt1
2 4 2 -0.1 0.9048
5 6 5 -0.1 0.9048
7 8 7 -0.1 0.9048'
check_equal "scores of words" "$(head -n 3 "$tmp/words" | tr -d '[]' | awk '{ $1 = $1 } NF > 1 { $2 = sprintf("%.4f", $2) } 1')" \
  $'utt1\n-0.1 0.9048\n-0.1 0.9048'

check "extends words into pauses" align --frame-center=0.04 "${all[@]}" "$tmp/extended"
check_equal "by their shares" "$(head -n 2 "$tmp/extended")" $'utt1 1 0.060 0.138 A 0.7479\nutt1 1 0.252 0.115 B 0.6495'
check "peaks" align --peaks --frame-center=0.04 "${all[@]}" "$tmp/peaks"
check_equal "as CTC has them" "$(head -n 2 "$tmp/peaks")" $'utt1 1 0.080 0.040 A 0.7479\nutt1 1 0.280 0.040 B 0.6495'
check "three threads" align --threads=3 "${plain[@]}" "${all[@]}" "$tmp/ctm3"
check "give the same bytes" cmp "$tmp/ctm" "$tmp/ctm3"
printf '%s\n' 'utt1 1 3 2' 'utt2 1 1' 'utt3' 'utt4' >"$tmp/ids"
check "token ids" align --tokens "${plain[@]}" "$tmp/units.txt" "ark:$tmp/logp" "ark:$tmp/ids" "$tmp/ctm-ids"
check "give the same bytes" cmp "$tmp/ctm" "$tmp/ctm-ids"

# Times of recordings; the second segment ends with its recording.
printf '%s\n' 'utt2 rec 2.5 -1 1' 'utt1 rec 10 10.32' 'utt3 rec 20 21' 'utt4 rec2 0 -1' >"$tmp/segments"
check "segments" align --segments="$tmp/segments" "${plain[@]}" "${all[@]}" "$tmp/ctm-rec"
check_equal "have the times of their recordings" "$(cat "$tmp/ctm-rec")" \
  'rec 1 10.100 0.080 A 0.7479
rec 1 10.300 0.020 B 0.6495
rec 2 2.520 0.120 AA 0.7408'
grep -v utt2 "$tmp/segments" >"$tmp/segments3"
check_fails "an utterance without a segment" 1 'utterance utt2: .*not in the segments of .*segments3' \
  align --segments="$tmp/segments3" "${all[@]}" "$tmp/x"

for format in text json ctm; do
  check "$format" align --format=$format "${all[@]}" "$tmp/all.$format"
done
check_equal "text is the words" "$(cat "$tmp/all.text")" $'A B\nAA'
for format in srt vtt textgrid; do
  check_fails "$format holds one recording" 1 "utt2: .*--format=$format holds one recording a file" \
    align --format=$format "${all[@]}" "$tmp/all.$format"
  check "$format, a file for each" align --format=$format --frame-center=0.04 "${all[@]}" "$tmp/{recording}.$format"
  check_equal "has four files" "$(cd "$tmp" && echo utt?.$format)" "utt1.$format utt2.$format utt3.$format utt4.$format"
done
check_equal "subtitles" "$(cat "$tmp/utt1.srt")" $'1\n00:00:00,060 --> 00:00:01,060\nA B'
if command -v python3 >/dev/null; then
  check_equal "JSON is JSON" "$(python3 -c 'import json, sys
for s in json.load(open(sys.argv[1]))["segments"]: print(s["utterance"], s["text"], len(s["words"]))' "$tmp/all.json")" \
    $'utt1 A B 2\nutt2 AA 1\nutt3  0\nutt4  0'
fi

# Fitting: words begin 50 ms and end 20 ms before their frames.
printf '%s\n' 'utt1 1 0.05 0.11 a' 'utt1 1 0.25 0.07 b' >"$tmp/ref"
first=("$tmp/units.txt" "ark:head -n 14 '$tmp/logp' |" "ark:$tmp/text")
check "fits" align --fit --reference="$tmp/ref" --frame-center=0.04 "${first[@]}" "$tmp/times.conf"
check_equal "offsets and shares" "$(grep -v '^#' "$tmp/times.conf" | xargs)" \
  'begin-offset=-0.05 begin-share=0 end-offset=-0.02 end-share=0'
check_fails "what is left is told" 0 'these times, 2 words: begins median 0 ms, p90 0 ms, bias 0 ms; ends median 0 ms' \
  align --config="$tmp/times.conf" --reference="$tmp/ref" --frame-center=0.04 "${first[@]}" "$tmp/fitted"
check_equal "and the times are right" "$(cut -d' ' -f 3,4 "$tmp/fitted" | xargs)" '0.050 0.110 0.250 0.070'
check_fails "other words in the reference" 1 "utt1: .*word 2 is 'B', and 'C' in the reference" \
  align --reference=<(sed 's/b$/C/' "$tmp/ref") "${first[@]}" "$tmp/x"
check_fails "no words to fit" 1 'nothing to fit' \
  align --fit --reference="$tmp/ref" "$tmp/units.txt" "ark:tail -n 6 '$tmp/logp' |" "ark:$tmp/text" "$tmp/x.conf"
check_equal "then there is no configuration" "$(ls "$tmp/x.conf" 2>/dev/null)" ""

# Utterances that cannot be aligned: the others are.
printf '%s\n' 'utt1 A X' 'utt2 AAB' 'utt4 AAA' >"$tmp/bad"
check_fails "a letter that is no unit" 1 "utterance utt1: .*'X' of the word 'X'" align "${all[@]:0:2}" "ark:$tmp/bad" "$tmp/x"
for message in 'utt2: .*needs 4 frames, for 3 tokens and 1 blanks between equal ones, and there are 3' \
  "utt3: .*no entry for key 'utt3'" 'utt4: .*needs 5 frames'; do
  check_equal "$message" "$(grep -cE "$message" "$tmp/.check.err")" 1
done
printf '%s\n' 'utt1 1 9' 'utt2 0' 'utt3 1' 'utt4 1' >"$tmp/ids"
check_fails "token ids that are none" 1 'utt1: .*token 2 of the transcript, 9, is outside the 4 columns' \
  align --tokens "${all[@]:0:2}" "ark:$tmp/ids" "$tmp/x"
check_equal "the blank among them" "$(grep -c 'utt2: .*is the blank' "$tmp/.check.err")" 1
check_equal "no frames" "$(grep -c 'utt3: .*needs 1 frames' "$tmp/.check.err")" 1
check_equal "the others" "$(cut -d' ' -f 1,5 "$tmp/x")" "utt4 A"
sed 's/-0.1/nan/' "$tmp/logp" >"$tmp/nan"
check_fails "NaN" 1 'utt1: .*frame 0, token 0 is NaN' align "$tmp/units.txt" "ark:$tmp/nan" "ark:$tmp/text" "$tmp/x"

check_fails "an unknown format" 2 'known formats are text, json, srt, vtt, ctm, textgrid' align --format=stm "${all[@]}" "$tmp/x"
check_fails "fit without reference" 2 'fit needs --reference' align --fit "${all[@]}" "$tmp/x"
check_fails "shares of more than a pause" 2 'begin-share=0.9' align --begin-share=0.9 --end-share=0.2 "${all[@]}" "$tmp/x"
check_fails "a reference that is no CTM" 1 ':1: expected: recording channel' \
  align --reference=<(echo 'utt1 1 0.1') "${all[@]}" "$tmp/x"

# Confidences become probabilities by a map: exactly that of the unmapped ones.
printf '%s\n' confidence-slope=0.5 confidence-offset=-0.25 confidence-fitted-on=0123456789abcdef >"$tmp/map.conf"
check "confidences as they are" align --confidence-digits=9 "${all[@]}" "$tmp/raw"
check_fails "mapped" 0 'confidences are mapped by .*map.conf: slope 0.5, offset -0.25, fitted on the set of digest 0123456789abcdef' \
  align --confidence-digits=9 --confidence-map="$tmp/map.conf" "${all[@]}" "$tmp/mapped"
check_equal "the same words and times" "$(cut -d ' ' -f 1-5 "$tmp/mapped")" "$(cut -d ' ' -f 1-5 "$tmp/raw")"
check "is the map of the unmapped" awk 'NR == FNR { want[FNR] = 1 / (1 + exp(-0.5 * log($6 / (1 - $6)) + 0.25)); next }
  { d = $6 - want[FNR]; if (d < 0) d = -d; if (d > 2e-9) bad = 1 } END { exit bad || FNR != 3 }' "$tmp/raw" "$tmp/mapped"
check "the map that changes nothing" align --confidence-map=<(echo confidence-slope=1) "${plain[@]}" "${all[@]}" "$tmp/same"
check "changes nothing" cmp "$tmp/ctm" "$tmp/same"
check_fails "a map without a slope" 2 'x.conf: no confidence-slope; compute-nce --fit' \
  bash -c ": >$tmp/x.conf; ctc-align --confidence-map=$tmp/x.conf ${all[0]} ${all[1]} ${all[2]} $tmp/never"
check_fails "a map that turns all round" 2 'x.conf: --confidence-slope=-1' \
  bash -c "echo confidence-slope=-1 >$tmp/x.conf; ctc-align --confidence-map=$tmp/x.conf ${all[0]} ${all[1]} ${all[2]} $tmp/never"
check_fails "no such map" 2 'nowhere.conf' align --confidence-map=nowhere.conf "${all[@]}" "$tmp/never"
check "nothing is written then" test ! -e "$tmp/never"
check_fails "ten digits" 2 'confidence-digits=10' align --confidence-digits=10 "${all[@]}" "$tmp/x"

# A model brings its units and where its frames lie: shift 10 ms, length 25 ms, subsampling by 4.
weights=$(golden_path models/moe/weights.safetensors)
if [ -n "$weights" ]; then
  dir=$(dirname "$weights")
  nnet-import --print-args=false --units="$dir/units.txt" "$dir/config.json" "$weights" "$tmp/model" 2>/dev/null
  ctc-decode --print-args=false "ark:$dir/ctc_offline.ark" "ark:$tmp/hyp" 2>/dev/null
  # The offset keeps times off the border between two milliseconds.
  off=(--tokens --begin-offset=0.0001 --end-offset=0.0001)
  check "a model's units" align "${off[@]}" "$tmp/model" "ark:$dir/ctc_offline.ark" "ark:$tmp/hyp" "$tmp/by-model"
  check "and frames" align "${off[@]}" --frame-shift=0.04 --frame-center=0.0425 "$dir/units.txt" "ark:$dir/ctc_offline.ark" \
    "ark:$tmp/hyp" "$tmp/by-units"
  check "are its own" cmp "$tmp/by-model" "$tmp/by-units"
else
  skip "a model's units" "no golden models"
fi
