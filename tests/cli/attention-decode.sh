#!/usr/bin/env bash
# attention-decode: WeNet's tokens, joint search with the model's own CTC head, parts of scores, pieces of live
# recordings, threads, bad utterances, wrong usage.
. "$(dirname "$0")/../support/cli.sh"

weights=$(golden_path models/moe/weights.safetensors)
if [ -z "$weights" ]; then
  skip "attention-decode" "no golden models"
  exit
fi
dir=$(dirname "$weights")
model=$tmp/moe.safetensors
check "import" nnet-import --units="$dir/units.txt" "$dir/config.json" "$weights" "$model"
enc=ark:$dir/enc_offline.ark

check_fails "the header names the search" 0 'attention search, beam 10; 1 thread, float32' \
  attention-decode --ctc-weight=0 --stats="$tmp/stats.json" "$model" "$enc" "ark,t:$tmp/tokens" "ark,t:$tmp/scores"
python3 - "$dir/decode.json" >"$tmp/want" <<'END'
import json, sys
for utt, r in json.load(open(sys.argv[1]))['results']['offline'].items():
    print(utt, *r['attention']['tokens'])
END
check_equal "tokens are WeNet's" "$(sed 's/ *$//' "$tmp/tokens")" "$(cat "$tmp/want")"
check_equal "one score each" "$(wc -l <"$tmp/scores")" 4
check "statistics" python3 -c "
import json
s = json.load(open('$tmp/stats.json'))
assert s['audio_seconds'] > 4 and s['search'].startswith('attention search') and s['threads'] == 1, s"

search() { attention-decode --print-args=false "$@"; }
for threads in 1 3; do
  check "joint search, $threads threads" search --nbest=4 --threads=$threads --components="ark,t:$tmp/c$threads" "$model" "$enc" \
    "ark,t:$tmp/t$threads" "ark,t:$tmp/s$threads"
done
check "3 threads give the same bytes" cmp <(cat "$tmp"/[cts]1) <(cat "$tmp"/[cts]3)
check_equal "n-best keys" "$(head -n 4 "$tmp/t1" | cut -d ' ' -f 1 | xargs)" 'utt1-1 utt1-2 utt1-3 utt1-4'
check "the parts make the score" python3 - "$tmp" <<'END'
import sys
read = lambda name: [l.split() for l in open(f'{sys.argv[1]}/{name}')]
for (key, _, attention, ctc, _), (k, _, score, _) in zip(read('c1'), read('s1')):
    assert key == k and abs(0.7 * float(attention) + 0.3 * float(ctc) - float(score)) < 1e-4, (key, attention, ctc, score)
END
check "CTC alone" search --ctc-weight=1 "$model" "$enc" "ark,t:$tmp/ctc" "ark,t:$tmp/ctcscores"
check "prefix beam search" ctc-decode --beam=29 "ark:$dir/ctc_offline.ark" "ark,t:$tmp/prefix" "ark,t:$tmp/prefixscores"
check "is no better than what that finds" python3 - "$tmp" <<'END'
import sys
read = lambda name: [float(l.split()[2]) for l in open(f'{sys.argv[1]}/{name}')]
a, b = read('ctcscores'), read('prefixscores')
assert len(a) == 4 and all(x < y + 1e-3 for x, y in zip(a, b)), (a, b)
END
check "rescored" attention-rescore "$model" "$enc" "ark:$tmp/t1" "ark:$tmp/s1" "ark,t:$tmp/rescored"
check_equal "at most two labels for three frames" "$(search --max-length-ratio=0.1 --ctc-weight=0 --length-bonus=9 "$model" "$enc" \
  ark,t:- 2>/dev/null | awk '{ print NF - 1 }' | xargs)" '1 2 3 5'
check_fails "which is told" 0 '4 of 4 utterances were cut off at the limit of length' \
  search --max-length-ratio=0.1 --ctc-weight=0 --length-bonus=9 "$model" "$enc" ark,t:/dev/null

# A list of the only words: the model's units called letters.
{ printf '%s\n' '<blank>' '<unk>' '<sos/eos>' {A..Z} ▁ | awk '{ print $0, NR - 1 }'; } >"$tmp/letters.txt"
printf '%s\n' 'AB BA' KLM Q ß >"$tmp/list"
for options in --ctc-weight=0 --ctc-weight=0.3 --ctc-weight=1 '--beam=1 --ctc-weight=0' '--nbest=5 --length-bonus=3' '--max-length-ratio=0.2 --length-bonus=9'; do
  # shellcheck disable=SC2086
  check_fails "allowed words, $options" 0 "list: allowed word .* is left out" \
    search $options --allowed-words="$tmp/list" --units="$tmp/letters.txt" "$model" "$enc" "ark,t:$tmp/listed"
  check_equal "nothing else is found" "$(tokens-to-text "$tmp/letters.txt" "ark,t:$tmp/listed" ark,t:- 2>/dev/null | cut -d ' ' -s -f 2- |
    tr ' ' '\n' | grep -vxE 'AB|BA|KLM|Q|')" ""
done
check_equal "something is" "$(grep -c ' [0-9]' "$tmp/listed")" 4
head -n 20 "$tmp/letters.txt" >"$tmp/few.txt"
check_fails "units of another model" 1 'few.txt: 20 units, but the model has 30' \
  search --allowed-words="$tmp/list" --units="$tmp/few.txt" "$model" "$enc" ark,t:/dev/null

# A live recording in pieces is one segment.
live_pieces() {
  nnet-forward --print-args=false --chunk-size=4 --streaming "$model" "ark:$dir/feats.ark" ark:/dev/null "ark:$tmp/stream.ark"
  search "$model" "ark:$tmp/stream.ark" "ark,t:$tmp/streamed"
}
check "encoder output of a stream" live_pieces
check_equal "all utterances" "$(cut -d ' ' -f 1 "$tmp/streamed" | xargs)" 'utt1 utt2 utt3 utt4'

copy-feats "$enc" ark,t:- 2>/dev/null | awk '/^utt1 / { on = 1 } on && !/utt/ { $1 = "nan"; on = 0 } { print }' >"$tmp/badenc"
check_fails "a NaN" 1 'utterance utt1: .*badenc: key .utt1. at byte [0-9]*: encoder output: frame 0, dimension 0 is nan' \
  search "$model" "ark:$tmp/badenc" "ark,t:$tmp/some"
check_equal "the others are there" "$(cut -d ' ' -f 1 "$tmp/some" | xargs)" 'utt2 utt3 utt4'
check_fails "features in place of encoder outputs" 1 'utterance utt1: .*: key .utt1. at byte [0-9]*: the encoder output has 80 dimensions' \
  search "$model" "ark:$dir/feats.ark" ark,t:/dev/null
check_fails "no such beam" 2 'beam=0: must be at least 1' search --beam=0 "$model" "$enc" ark,t:/dev/null
check_fails "more than are kept" 2 'nbest=11: more than --beam=10' search --nbest=11 "$model" "$enc" ark,t:/dev/null
check_fails "no such weight" 2 'ctc-weight=1.5: must be from 0 to 1' search --ctc-weight=1.5 "$model" "$enc" ark,t:/dev/null
check_fails "two ways to count length" 2 'give one of them' search --length-bonus=1 --length-penalty=1 "$model" "$enc" ark,t:/dev/null
check "help" attention-decode --help
