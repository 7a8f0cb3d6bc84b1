#!/usr/bin/env bash
# rtf-report on files of known numbers, and on those of a tool.
. "$(dirname "$0")/../support/cli.sh"
PATH=$root/utils:$PATH
cd "$tmp" || exit 1

cat >"$tmp/a.json" <<'EOF'
{"audio_seconds": 10, "wall_seconds": 2, "cpu_seconds": 1, "utterance_rtf": [0.9, 0.1, 0.2, 0.3, 0.4],
 "stages": {"attention": 1.5, "other": 0.5}, "machine": "M", "threads": 2, "precision": "int8", "chunk_size": 16}
EOF
cat >"$tmp/b.json" <<'EOF'
{"audio_seconds": 30, "wall_seconds": 2, "cpu_seconds": 3, "utterance_rtf": [0.5, 0.5], "stages": {"attention": 1}}
EOF
echo '{"audio_seconds": 0, "wall_seconds": 4, "cpu_seconds": 4, "stages": {"search": 1}}' >"$tmp/c.json"
check "pools two files, and takes the length of the audio from them" \
  rtf-report --json="$tmp/out.json" "encoder=$tmp/a.json,$tmp/b.json" "search=$tmp/c.json"
rtf-report "encoder=$tmp/a.json,$tmp/b.json" "search=$tmp/c.json" >"$tmp/out.txt"
row() { awk -v name="$1" '$1 == name { $1 = ""; print }' "$tmp/out.txt" | sed 's/^ //'; }
# 4 of 40 seconds; quantiles of 0.1 0.2 0.3 0.4 0.5, without the first of each file.
check_equal "the encoder" "$(row encoder)" "0.10000 0.10000 0.30000 0.46000 0.49600 0.70000 7"
check_equal "the search" "$(row search)" "0.10000 0.10000 - - - - -"
check_equal "all" "$(row all)" "0.20000 0.20000"
check_equal "stages" "$(grep stages: "$tmp/out.txt")" "stages: 62 % attention, 25 % search, 12 % other"
check_equal "conditions" "$(grep encoder: "$tmp/out.txt")" "encoder: 2 threads, int8, chunks of 16, left all"
check_equal "machine" "$(grep machine: "$tmp/out.txt")" "machine: M"
check_equal "JSON" "$(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(d["tools"]["encoder"]["p90"], d["total"]["wall"])' "$tmp/out.json")" "0.46 0.2"
# The quantiles of a tool's --stats and those of rtf-report are the same, and are what a mean of the two in the middle
# is, for every number of utterances.
python3 -c '
import random, wave
random.seed(3)
for n in range(7):
    with wave.open(f"{n}.wav", "wb") as w:
        w.setparams((1, 2, 16000, 0, "NONE", ""))
        w.writeframes(random.randbytes(2 * 16000 * (n + 1)))' || exit 1
for n in 1 2 3 4 5 6 7; do
  for i in $(seq 0 $((n - 1))); do echo "utt$i $i.wav"; done >wav.scp
  compute-fbank-feats --print-args=false --stats=tool.json scp:wav.scp ark:/dev/null 2>/dev/null
  rtf-report --json=report.json feats=tool.json >/dev/null
  check "$n utterances: --stats and rtf-report agree" python3 -c '
import json, statistics
tool, report = json.load(open("tool.json")), json.load(open("report.json"))["tools"]["feats"]
rest = tool["utterance_rtf"][1:] or tool["utterance_rtf"]
assert tool["rtf"]["p50"] > 0
for name in ("p50", "p90", "p99"):
    assert abs(tool["rtf"][name] / report[name] - 1) < 1e-12, (name, tool["rtf"], report)
assert abs(tool["rtf"]["p50"] / statistics.median(rest) - 1) < 1e-12'
done
check_equal "intervals use the same definition" "$(python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
import intervals
print(intervals.percentiles([4.0, 1.0, 3.0, 2.0]))' "$root/utils")" "(1.075, 3.925)"
check_fails "no such file" 1 'none.json: No such file' rtf-report "encoder=$tmp/none.json"
echo '[]' >"$tmp/d.json"
check_fails "another file" 1 'd.json: not a --stats file' rtf-report "encoder=$tmp/d.json"
check_fails "no length of audio" 1 'no seconds of audio' rtf-report "search=$tmp/c.json"
check_fails "no name" 2 'expected NAME=' rtf-report "$tmp/a.json"
