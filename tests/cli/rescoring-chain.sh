#!/usr/bin/env bash
# From a search to words with tuned weights, tool after tool: n-best lists of attention-decode, of a search with a language
# model and of lattices, rescored and tuned. Each choice is made once more from the tables, by Python.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ] || ! command -v python3 >/dev/null; then
  skip "rescoring-chain" "no golden models, or no python3"
  exit
fi
dir=$(dirname "$weights")
cd "$tmp" || exit 1
nnet-import --units="$dir/units.txt" "$dir/config.json" "$weights" model 2>/dev/null
enc=ark:$dir/enc_offline.ark logp=ark:$dir/ctc_offline.ark
text_of() { sed 's/ \([0-9]\)/ w\1/g' "$1"; } # tokens: every one is a word
# The third best of each list but for a word, so that there is something to choose.
references() { sed -n 's/^\(utt[0-9]*\)-3 /\1 /p' "$1" | sed '1s/ w[0-9]*/ other/'; }

# The choice from the tables: <tokens> <parts> <lm or -> <config>; prints the tokens of each utterance's best.
cat >choose.py <<'END'
import sys
tokens, parts, lm, config = sys.argv[1:]
table = lambda path: {f[0]: f[1:] for f in (line.split() for line in open(path))}
numbers = lambda path: {k: [float(x) for x in v if x not in '[]'] for k, v in table(path).items()}
weight = {k: float(v) for k, v in (line.strip().split('=') for line in open(config) if line[0] != '#')}
hyps, scores, language = table(tokens), numbers(parts), numbers(lm) if lm != '-' else {}
best = {}
for key, ids in hyps.items():
    utterance, n = key.rsplit('-', 1)
    s = scores[key]
    r = weight.get('reverse-weight', 0)
    total = (1 - r) * s[0] + (r * s[2] if len(s) > 2 else 0) + weight['ctc-weight'] * s[1]
    total += weight['length-bonus'] * len(ids) + weight.get('lm-weight', 0) * language.get(key, [0])[0]
    if utterance not in best or (-total, int(n)) < best[utterance][0]:
        best[utterance] = ((-total, int(n)), ids)
for utterance in sorted(best):
    print(utterance, *best[utterance][1])
END

# Rescores, tunes and rescores an n-best list: <name>.tokens, .scores, perhaps .lm
chain() { # <name>
  local name=$1 lm=()
  if [ -e "$name.lm" ]; then lm=(--lm-scores="ark:$name.lm"); fi
  text_of "$name.tokens" >"$name.text"
  references "$name.text" >"$name.ref"
  check_equal "$name: a list of three at least for each" "$(wc -l <"$name.ref")" 4
  check "$name: components" attention-rescore --components="ark,t:$name.parts" "${lm[@]}" model "$enc" "ark:$name.tokens" "ark:$name.scores" ark:/dev/null
  sed 's/^utt/other/; 1s/$/ more/' "$name.ref" >"$name.test"
  if tune-weights --not-for="ark:$name.test" "${lm[@]}" "ark:$name.tokens" "ark:$name.text" "ark:$name.parts" "ark:$name.ref" "$name.conf" >"$name.table" 2>log; then
    check "$name: tuned" true
  else
    check "$name: tuned" cat log
  fi
  check "$name: rescored" attention-rescore --config="$name.conf" "${lm[@]}" model "$enc" "ark:$name.tokens" "ark:$name.scores" "ark,t:$name.best"
  text_of "$name.best" >"$name.best.text"
  check_equal "$name: as many errors as were promised" "$(compute-wer --print-args=false "ark:$name.ref" "ark:$name.best.text" 2>/dev/null |
    sed -n 's/^%WER .* \[ \([0-9]*\) .*/\1/p')" "$(awk '$1 == "chosen" { print $6 }' "$name.table")"
  check_equal "$name: no more than without tuning" "$(awk '$1 == "untuned" { u = $6 } $1 == "chosen" { print ($6 <= u) }' <(sed 's/ - / 0 /g' "$name.table"))" 1
  check_equal "$name: the same choice from the tables" "$(sed 's/ *$//' "$name.best" | sort)" \
    "$(python3 choose.py "$name.tokens" "$name.parts" "$([ -e "$name.lm" ] && echo "$name.lm" || echo -)" "$name.conf")"
}
close() { # <a> <b> <n>: whether the first n numbers of each line are near
  python3 - "$@" <<'END'
import sys
read = lambda path: [[x for x in line.split() if x not in '[]'] for line in open(path)]
a, b, n = read(sys.argv[1]), read(sys.argv[2]), int(sys.argv[3])
assert len(a) == len(b) > 0
for x, y in zip(a, b):
    assert x[0] == y[0] and all(abs(float(p) - float(q)) < 2e-3 for p, q in zip(x[1:n + 1], y[1:n + 1])), (x, y)
END
}

# Attention, label by label; its CTC scores are those of the lists.
check "attention-decode" attention-decode --nbest=5 --components=ark,t:search.parts model "$enc" ark,t:attention.tokens
awk '{ print $1, " [", $4, "]" }' search.parts >attention.scores
chain attention
# But for those that were cut off, whose scores have no end: they have as many labels as the utterance has frames.
feat-to-len "$enc" ark,t:frames 2>/dev/null
awk 'NR == FNR { frames[$1] = $2; next } { u = $1; sub(/-[0-9]+$/, "", u) } NF < frames[u] { print $1 }' frames attention.tokens >ended
ended() { awk 'NR == FNR { want[$1]; next } $1 in want' ended "$1"; }
check "most of them ended" test "$(wc -l <ended)" -ge 10
check "the decoders say the same of a hypothesis at once" close <(ended search.parts) <(ended attention.parts) 2
check "its parts can be tuned on as they are" tune-weights --not-for=ark:attention.test ark:attention.tokens ark:attention.text \
  ark:search.parts ark:attention.ref search.conf
check_equal "without a reverse weight" "$(grep -c reverse search.conf)" 0

# A language model over the units in the search, whose part is written apart.
{
  printf '\\data\\\nngram 1=30\nngram 2=2\n\n\\1-grams:\n-99 <s> -0.2\n-1.2 </s>\n-2 <unk>\n'
  for i in {3..29}; do echo "-1.$((i % 7 + 2)) w$i -0.$((i % 3))"; done
  printf '\n\\2-grams:\n-0.3 w9 w9\n-0.4 <s> w5\n\n\\end\\\n'
} >words.arpa
sed 's/w\([0-9][0-9]*\)/<u\1>/g' words.arpa >units.arpa
check "a search with a language model" ctc-decode --nbest=5 --units="$dir/units.txt" --lm=units.arpa --lm-units=units --lm-weight=0.5 \
  --length-bonus=0.25 --acoustic-scores=ark,t:fusion.scores --lm-scores=ark,t:fusion.lm "$logp" ark,t:fusion.tokens ark,t:fusion.totals
sum() { paste -d ' ' "$@" | awk '{ print $1, $3 + $7 }'; } # two tables of one number
check "both make the score" close <(sum fusion.scores fusion.lm) fusion.totals 1
"$root/utils/int2sym.pl" -f 2- "$dir/units.txt" fusion.tokens >fusion.units
compute-perplexity --per-utt=fusion.perplexity units.arpa ark:fusion.units >/dev/null 2>&1
python3 - >fusion.want <<'END'
lines = lambda path: [line.split() for line in open(path)]
for p, t in zip(lines('fusion.perplexity'), lines('fusion.tokens')):
    assert p[0] == t[0]
    _, _, unknown, known_logp, unknown_logp = map(float, [0] + p[1:])  # as utils/steps/words.sh
    print(p[0], 0.5 * (known_logp + unknown_logp - 10 * unknown) + 0.25 * (len(t) - 1))
END
check "the model's part is what compute-perplexity says" close fusion.want fusion.lm 1
chain fusion

# Lattices of a graph, whose language scores are tuned in turn.
if ! command -v lattice-to-nbest >/dev/null; then
  skip "lattices" "built without OpenFst"
  exit 0
fi
for i in {3..29}; do echo "w$i <u$i>"; done >lexicon
check "words" make-lexicon-fst --lexicon=lexicon --write-symbol-table=words.txt "$dir/units.txt" L.fst
check "G" arpa-to-fst --read-symbol-table=words.txt words.arpa G.fst
check "TLG" compile-graph --words=words.txt "$dir/units.txt" L.fst G.fst TLG.fst
check "lattices" ctc-decode --method=wfst --graph=TLG.fst --lattice=ark:lat --acoustic-scale=2 "$logp" ark,t:wfst.tokens
check "their n best" lattice-to-nbest --n=6 --acoustic-scale=2 --tokens=ark,t:lattice.tokens --words=ark,t:lattice.words \
  --scores=ark,t:lattice.scores --lm-scores=ark,t:lattice.lm ark:lat
check_equal "the best one is the search's" "$(sed -n 's/-1 / /p' lattice.tokens)" "$(cat wfst.tokens)"
check_equal "words are those of the tokens" "$("$root/utils/int2sym.pl" -f 2- words.txt lattice.words | sed 's/ *$//')" "$(text_of lattice.tokens | sed 's/ *$//')"
chain lattice
