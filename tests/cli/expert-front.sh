#!/usr/bin/env bash
# utils/expert_front.py on made-up results, and what utils/steps/experts.sh refuses.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 >/dev/null; then
  skip "expert_front.py" "no python3"
  exit
fi
export PYTHONDONTWRITEBYTECODE=1

result() { # <policy> <errors> <seconds of round 0> <of round 1> <experts per row>
  mkdir -p "$tmp/$1"
  cat >"$tmp/$1/wer.json" <<END
{"errors": $2, "units": 1000, "error_rate": $2e-1, "interval95": [1, 2], "difference": {"interval95": [-3, 4]}}
END
  echo "{\"cpu_seconds\": $3, \"audio_seconds\": 50}" >"$tmp/$1/0.test.0.json"
  echo "{\"cpu_seconds\": $4, \"audio_seconds\": 50}" >"$tmp/$1/0.test.1.json"
  cat >"$tmp/$1/0.test.routes.json" <<END
{"layers": [
 {"name": "encoder.0", "rows": 30, "experts_per_row": $5, "second_skipped": 0.5, "exited": 0, "distinct_experts_per_chunk": 4},
 {"name": "encoder.1", "rows": 10, "experts_per_row": 1, "second_skipped": 0.1, "exited": 0, "distinct_experts_per_chunk": 2},
 {"name": "decoder.left", "rows": 99, "experts_per_row": 7, "second_skipped": 1, "exited": 1, "distinct_experts_per_chunk": 9}]}
END
}
result plain 100 10 8 2
result good 101 4 5 2
result better 102 3 3 2
result worse 103 3.5 9 2
front() { "$root/utils/expert_front.py" "$tmp" plain good better worse; }
check "runs" front
mark() { awk -v p="$1" '$1 == p { print $NF ~ /^[+*]$/ ? $NF : "-" }' "$tmp/.check.out"; }
check_equal "plain is the best, so in the front" "$(mark plain)" "+"
check_equal "1 % more errors than plain are allowed" "$(mark good)" "*"
check_equal "2 % are not, but it is in the front" "$(mark better)" "+"
check_equal "slower and worse" "$(mark worse)" "-"
check_equal "the least time counts, the encoder's rows are weighted" "$(python3 -c "
import json
r = json.load(open('$tmp/table.json'))[1]
print('%.3f %.3f %.3f %.3f' % (r['rtf'], r['experts_per_row'], r['second_skipped'], r['distinct_experts_per_chunk']), r['change_interval'])")" \
  "0.080 1.750 0.400 3.500 [-4, 3]"
check "the plot names its policies" python3 -c '
import sys, xml.etree.ElementTree as e
texts = ["".join(t.itertext()) for t in e.parse(sys.argv[1]).getroot().iter("{http://www.w3.org/2000/svg}text")]
assert {"plain", "good", "better", "worse"} <= set(texts), texts' "$tmp/front.svg"
rm "$tmp/good/wer.json"
check_fails "a missing result" 1 'good/wer.json' front
check_fails "no arguments" 2 'a folder and the names of policies are needed' "$root/utils/expert_front.py"

experts() { (cd "$root/egs/fsdd" && "$root/utils/steps/experts.sh" "$@"); }
check_fails "no test set" 2 'dump, data and model folders and a set are needed' experts a b c
check_fails "an untrained model" 1 'final.safetensors is missing' experts "$tmp" "$tmp" "$tmp" test
mkdir -p "$tmp/dev" "$tmp/test"
touch "$tmp/test/text"
echo x >"$tmp/final.safetensors"
echo x >"$tmp/dev/feats.scp"
check_fails "an unknown policy" 2 "'fast9' is none of skip, chunk, budget and exit" experts --policies fast9 "$tmp" "$tmp" "$tmp" test

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "experts.sh" "no golden models"
  exit
fi
dir=$(dirname "$weights")
mkdir -p "$tmp/m" "$tmp/other" "$tmp/dump/set" "$tmp/data/set"
nnet-import --print-args=false --units="$dir/units.txt" "$dir/config.json" "$weights" "$tmp/m/final.safetensors" 2>/dev/null
moe-calibrate --print-args=false --skip=1 --chunk-experts=3 "$tmp/m/final.safetensors" "ark:$dir/feats.ark" \
  "$tmp/other/final.safetensors" >/dev/null 2>&1
cp "$dir/units.txt" "$tmp/dump"
copy-feats --print-args=false "ark:$dir/feats.ark" "ark,scp:$tmp/dump/set/feats.ark,$tmp/dump/set/feats.scp" 2>/dev/null
ln -s set "$tmp/dump/dev"
# Errors are counted against what the model itself says, so the plain policy makes none.
nnet-forward --print-args=false --chunk-size=4 --streaming "$tmp/m/final.safetensors" "ark:$dir/feats.ark" "ark:$tmp/l" "ark:$tmp/e" 2>/dev/null
ctc-decode --print-args=false --method=prefix-beam --nbest=10 "ark:$tmp/l" "ark,t:$tmp/n" "ark,t:$tmp/s" 2>/dev/null
attention-rescore --print-args=false "$tmp/m/final.safetensors" "ark:$tmp/e" "ark,t:$tmp/n" "ark,t:$tmp/s" "ark,t:$tmp/t" 2>/dev/null
tokens-to-text --print-args=false "$dir/units.txt" "ark,t:$tmp/t" "ark,t:$tmp/data/set/text" 2>/dev/null
check "experts.sh" experts --chunk 4 --rounds 1 --others "other=$tmp/other" --policies "skip0.5 budget1 own@other chunk2@other" \
  "$tmp/dump" "$tmp/data" "$tmp/m" set
check_equal "policies, their experts" "$(python3 -c "
import json
rows = {r['policy']: r for r in json.load(open('$tmp/m/experts/4/table.json'))}
print(*rows)
print(rows['plain']['errors'], rows['plain']['experts_per_row'], 1.3 < rows['skip0.5']['experts_per_row'] < 1.7,
      rows['budget1']['distinct_experts_per_chunk'], rows['own@other']['experts_per_row'] < 1.1,
      rows['own@other']['distinct_experts_per_chunk'] <= 3, rows['chunk2@other']['experts_per_row'])")" \
  "plain skip0.5 budget1 own@other chunk2@other
0 2.0 True 1.0 True True 2.0"
check_fails "a policy of models that are not named" 2 "--others has no 'else'" experts --policies own@else "$tmp/dump" "$tmp/data" "$tmp/m" set
check_fails "other models, not as many" 2 'names 2 models, not 1' experts --others "o=$tmp/m,$tmp/m" "$tmp/dump" "$tmp/data" "$tmp/m" set
