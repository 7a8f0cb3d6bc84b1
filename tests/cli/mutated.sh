#!/usr/bin/env bash
# Mutated input through every tool: the exit status is 0, 1 or 2, never a signal, another status or 20 seconds.
# MUTATIONS=1000 tries as many of each kind, MUTATION_SEED=2 others.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 >/dev/null; then
  skip mutated "no python3"
  exit 0
fi
. "$root/tests/support/table-tools.sh"
count=${MUTATIONS:-20} seed=${MUTATION_SEED:-1}

# More kinds: text and compressed archives, scripts, vectors, models and what belongs to them.
mkdir feats_text compressed script vector model packed conf config weights nbest scores encoder units_file segments_file object
copy-feats ark:feats/good ark,t:feats_text/good 2>/dev/null
printf '[ 1 2\n 3 4 ]\n' >object.txt
copy-feats object.txt object/good 2>/dev/null
copy-feats --compress=true ark:feats/good ark:compressed/good 2>/dev/null
copy-feats ark:feats/good ark,scp:script/ark,script/good 2>/dev/null
mkdir stats_table
compute-cmvn-stats ark:feats/good ark:stats_table/good 2>/dev/null
printf 'a [ 1 2.5 -3 ]\nb [ ]\n' | copy-vector ark:- ark:vector/good 2>/dev/null
printf '%s\n' '<blank> 0' 'A 1' 'B 2' '▁ 3' '<sos/eos> 4' >units_file/good
cp segments segments_file/good
printf '%s\n' feature-dim=8 model-dim=8 num-blocks=1 num-heads=2 conv-kernel=3 hidden-dim=8 num-experts=4 \
  decoder-blocks=1 reverse-decoder-blocks=1 >conf/good
mkdir fbank_conf
printf '%s\n' num-mel-bins=8 --frame-length=25 allow_downsample=t num-threads=2 max-failures=5% >fbank_conf/good
nnet-init --units=units_file/good conf/good model/good 2>/dev/null
mkdir pieces pieces_model word_map
printf '%s\n' '<blank> 0' 'a 1' 'b 2' '▁ 3' '▁a 4' '<unk> 5' '<sos/eos> 6' >piece-units
python3 "$root/tests/support/tiny_word_pieces.py" pieces/good a b ▁ ▁a
nnet-init --units=piece-units --bpe-model=pieces/good conf/good pieces_model/good 2>/dev/null
printf 'a b\nb c\tx y\nz\n' >word_map/good
nnet-quantize --weights=int8 model/good packed/good >/dev/null 2>&1
for i in 1 2 3; do
  printf 'u%d [\n' $i
  for t in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo "$i $t 1 -1 0.5 2 -$t $i"; done
  echo ' ]'
done >model-feats.txt
mkdir frames
copy-feats ark:model-feats.txt ark:frames/good 2>/dev/null
printf 'u1 1 2\nu2 2\nu3 1\n' >tokens
mkdir recording
python3 -c '
import random, wave
random.seed(4)
with wave.open("recording/good", "wb") as w:
    w.setparams((1, 2, 16000, 0, "NONE", ""))
    w.writeframes(random.randbytes(16000))'
nnet-forward model/good ark:frames/good ark:logp.ark ark:encoder/good 2>/dev/null
ctc-decode --nbest=3 ark:logp.ark ark:nbest/good ark:scores/good 2>/dev/null
# Words: a language model, and with OpenFst the parts of a graph, the graph and lattices.
mkdir arpa hot parts ctm
printf '%s\n' '\data\' 'ngram 1=5' 'ngram 2=1' '' '\1-grams:' '-99 <s> -0.3' '-0.7 </s>' '-0.5 A -0.2' '-0.9 B' '-1 <unk>' '' \
  '\2-grams:' '-0.2 <s> A' '' '\end\' >arpa/good
printf 'A B\t2.5\nB\n' >hot/good
printf '%s\n' ';; heard' 'u1 1 0.00 0.40 A 0.90' 'u2 1 0.10 0.25 B 0.35' >ctm/good
attention-rescore --components=ark:parts/good model/good ark:encoder/good ark:nbest/good ark:scores/good ark:/dev/null 2>/dev/null
tokens-to-text units_file/good ark:nbest/good ark,t:nbest.text 2>/dev/null
printf 'u1 A\nu2 B A\nu3\n' >ref.text
words_rows='arpa compute-perplexity FILE ark:text/good
text compute-perplexity arpa/good IN
hot ctc-decode --units=units_file/good --hot-words=FILE ark:logp.ark OUT
hot ctc-decode --units=units_file/good --allowed-words=FILE ark:logp.ark OUT
units_file ctc-align FILE ark:logp.ark ark:ref.text x
ctm compute-nce ark:text/good FILE
text compute-nce IN ctm/good
arpa ctc-decode --units=units_file/good --lm=FILE ark:logp.ark OUT
encoder attention-decode --beam=2 model/good IN OUT
parts tune-weights ark:nbest/good ark:nbest.text IN ark:ref.text
nbest tune-weights IN ark:nbest.text ark:parts/good ark:ref.text'
if command -v compile-graph >/dev/null; then
  mkdir lexicon symbols fst graph lattice
  printf 'A A\nB B\nB B A\n' >lexicon/good
  arpa-to-fst --write-symbol-table=symbols/good arpa/good fst/good 2>/dev/null
  make-lexicon-fst --lexicon=lexicon/good --read-symbol-table=symbols/good units_file/good L.fst 2>/dev/null
  compile-graph --words=symbols/good units_file/good L.fst fst/good graph/good 2>/dev/null
  ctc-decode --method=wfst --graph=graph/good --lattice=ark:lattice/good ark:logp.ark ark:/dev/null 2>/dev/null
  words_rows+='
arpa arpa-to-fst --write-symbol-table=/dev/null FILE x
symbols arpa-to-fst --read-symbol-table=FILE arpa/good x
units_file make-ctc-topology FILE x
lexicon make-lexicon-fst --lexicon=FILE --read-symbol-table=symbols/good units_file/good x
symbols make-lexicon-fst --lexicon=lexicon/good --read-symbol-table=FILE units_file/good x
fst compile-graph --max-states=1000 --words=symbols/good units_file/good L.fst FILE x
graph ctc-decode --method=wfst --graph=FILE ark:logp.ark OUT
lattice lattice-copy IN OUT
lattice lattice-scale --acoustic-scale=0.5 IN OUT
lattice lattice-add-penalty --word-ins-penalty=1 IN OUT
lattice lattice-prune --beam=4 IN OUT
lattice lattice-determinize-pruned --beam=4 IN OUT
lattice lattice-best-path IN OUT
lattice lattice-to-nbest --n=3 IN OUT
lattice lattice-to-ctm-conf --word-symbol-table=symbols/good units_file/good IN x
units_file lattice-to-ctm-conf --word-symbol-table=symbols/good FILE ark:lattice/good x
lattice lattice-oracle --word-symbol-table=symbols/good IN ark:ref.text OUT
lattice lattice-lm-rescore --word-symbol-table=symbols/good IN arpa/good OUT
arpa lattice-lm-rescore --word-symbol-table=symbols/good ark:lattice/good FILE OUT'
fi
config_source=$(golden_path models/moe/config.json)
weights_source=$(golden_path models/moe/weights.safetensors)

rows="$table
feats feat-stats IN
feats_text copy-feats IN OUT
compressed copy-feats IN OUT
script copy-feats SCRIPT OUT
script feat-to-len SCRIPT OUT
object concat-feats FILE FILE x
vector copy-vector IN OUT
segments_file extract-segments ark:wav/good FILE OUT
text compute-wer ark:text/good IN
text compute-wer-bootci --replications=10 ark:text/good IN IN
text align-text IN ark:text/good OUT
text align-text ark:text/good IN OUT
feats select-feats 1,0-1 IN OUT
feats shift-feats --shift=1 IN OUT
feats subsample-feats --n=2 IN OUT
feats compare-feats IN IN
feats compare-feats --threshold=-2 ark:feats/good IN
feats copy-feats-to-htk --output-dir=htk IN
feats copy-matrix --apply-exp IN OUT
object copy-matrix --binary=false FILE x
stats_table modify-cmvn-stats 0 IN OUT
text compute-wer IN ark:text/good
units_file text-to-tokens FILE ark:text/good OUT
pieces text-to-tokens --bpe-model=FILE --unk=<unk> piece-units ark:text/good OUT
pieces tokens-to-text --bpe-model=FILE piece-units ark:tokens OUT
pieces nnet-init --units=piece-units --bpe-model=FILE conf/good x
pieces_model text-to-tokens --unk=<unk> FILE ark:text/good OUT
pieces_model tokens-to-text FILE ark:tokens OUT
pieces_model nnet-info FILE
pieces_model nnet-copy FILE x
text normalize-text --normalize=nfkc,casefold,no-punctuation IN OUT
word_map normalize-text --normalize=map --normalize-map=FILE ark:text/good OUT
conf nnet-init --units=units_file/good FILE x
units_file nnet-init --units=FILE conf/good x
fbank_conf nnet-init --units=units_file/good --fbank-config=FILE conf/good x
model nnet-info FILE
model nnet-copy FILE x
recording transcribe --fbank-config=fbank_conf/good --min-contrast=0 --min-posterior=0 model/good FILE
model transcribe --fbank-config=fbank_conf/good --min-contrast=0 --min-posterior=0 FILE recording/good
model nnet-average FILE model/good averaged
model nnet-quantize --weights=int8 FILE x
packed nnet-forward FILE ark:frames/good OUT
model nnet-forward FILE ark:frames/good OUT
model moe-route-stats FILE ark:frames/good
model moe-calibrate FILE ark:frames/good x
model moe-convert --method=prune --num-experts=2 --part=encoder --feats=ark:frames/good FILE x
model nnet-train --epochs=1 --batch-size=2 FILE ark:frames/good ark:tokens x
frames nnet-forward --streaming --chunk-size=2 model/good IN OUT
frames moe-route-stats model/good IN
frames moe-calibrate model/good IN x
frames nnet-train --epochs=1 --batch-size=2 model/good IN ark:tokens x
encoder attention-rescore model/good IN ark:nbest/good ark:scores/good OUT
nbest attention-rescore model/good ark:encoder/good IN ark:scores/good OUT
scores attention-rescore model/good ark:encoder/good ark:nbest/good IN OUT
$words_rows"
[ -n "$wav" ] || rows=$(grep -vE '^wav |ark:wav/good' <<<"$rows")
if [ -n "$config_source" ] && [ -n "$weights_source" ]; then
  cp "$config_source" config/good
  cp "$weights_source" weights/good
  rows+=$'\nconfig nnet-import FILE weights/good x\nweights nnet-import config/good FILE x'
fi

for good in */good; do
  kind=${good%/good}
  python3 "$root/tests/support/mutate.py" "$good" "$count" "$seed" "$kind/m"
done

run_on() { # <input> <command words>
  local input=$1 i
  shift
  local words=("$@")
  for i in "${!words[@]}"; do
    case ${words[i]} in
      IN) words[i]=ark:$input ;;
      SCRIPT) words[i]=scp:$input ;;
      FILE) words[i]=$input ;;
      --*=FILE) words[i]=${words[i]%FILE}$input ;;
      OUT) words[i]=ark:/dev/null ;;
    esac
  done
  timeout -k 5 20 "${words[@]}" </dev/null
}
# Prints the statuses that are none of 0, 1 and 2.
try_all() { # <kind> <command words>
  local kind=$1 n status
  shift
  for ((n = 1; n <= count; ++n)); do
    status=0
    run_on "$kind/m$n" "$@" >/dev/null 2>&1 || status=$?
    [ $status -le 2 ] || echo "status $status: $* with $kind/m$n"
  done
}
tools=" "
while read -r kind words; do
  read -r -a command <<<"$words"
  tools+="${command[0]} "
  check "${command[0]}, $kind: as it was" run_on "$kind/good" "${command[@]}"
  check_equal "${command[0]}, $kind: mutated" "$(try_all "$kind" "${command[@]}")" ""
done <<<"$rows"
missing=
for tool in "$(dirname "$(command -v copy-feats)")"/*; do
  tool=${tool##*/}
  [[ $tools == *" $tool "* ]] || missing+=" $tool"
done
if [ -n "$wav" ] && [ -n "$weights_source" ]; then
  check_equal "every tool is tried" "$missing" ""
else
  skip "every tool is tried" "no ../shared: neither a recording nor WeNet's weights"
fi
