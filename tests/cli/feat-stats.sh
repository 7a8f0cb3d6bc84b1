#!/usr/bin/env bash
# feat-stats; feat-peers.sh compares its JSON with numpy.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
printf 'a  [\n  1 -16\n  3 nan ]\nb  [\n  5 -16\n  -16 -16 ]\n' >feats.txt
stats="feat-stats --print-args=false"

check "a table" $stats ark:feats.txt
$stats ark:feats.txt >table 2>/dev/null
check_equal "its first line" "$(head -n 1 table)" "2 utterances, 4 frames of 2 dimensions, 1 silent frames (all values <= -15)"
check_equal "dimension 0" "$(awk '$1 == "0" {$1 = $1; print}' table)" "0 -1.75 8.3479 -16 5 0 0 1"
check_equal "dimension 1" "$(awk '$1 == "1" {$1 = $1; print}' table)" "1 -16 0 -16 -16 1 0 3"
check_equal "no utterances unless asked for" "$(grep -c '^a' table)" 1
$stats --per-utterance=true ark:feats.txt >table 2>/dev/null
check_equal "an utterance" "$(awk '$1 == "a" {$1 = $1; print}' table)" "a 2 0 -4 8.5245 -16 3 1 0 1"
check "another threshold" $stats --silence-threshold=4 --json=stats.json ark:feats.txt
check_equal "counts more" "$(tr -d ' \n' <stats.json | grep -o '"silent_frames":[0-9]*')" '"silent_frames":2'
$stats --json=- ark:feats.txt >only.json 2>/dev/null
check_equal "JSON on standard output is alone there" "$(head -c 1 only.json)$(tail -n 1 only.json)" "{}"
if command -v python3 >/dev/null; then
  check "and can be read" python3 -c 'import json, sys; json.load(open("only.json"))["dimensions"][1]["nan"] == 1 or sys.exit(1)'
else
  skip "reading JSON" "no python3"
fi
printf 'e  [ ]\na  [\n  1 2 ]\nb  [\n  1 ]\n' >bad.txt
check_fails "no frames" 1 "utterance e: .*no frames" $stats ark:bad.txt
check_fails "another dimension" 1 "utterance b: .*features have 1 dimensions, those before had 2" $stats ark:bad.txt
: >none
check_fails "no utterances" 1 "no utterances" $stats ark:none
check_fails "a threshold that is no number" 2 "silence-threshold" $stats --silence-threshold=nan ark:feats.txt
check_fails "a full disk" 1 "/dev/full" $stats --json=/dev/full ark:feats.txt
