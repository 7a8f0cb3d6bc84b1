#!/usr/bin/env bash
# Every example in every --help runs as it stands there, in a folder with the files it names.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 >/dev/null; then
  skip help-examples "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
bin=$(dirname "$(command -v copy-feats)")
PATH=$PATH:$root/utils
mkdir "$tmp/box" "$tmp/stubs"
# What an example has on other machines: a microphone, another host.
printf '#!/bin/sh\nexec cat pcm16\n' >"$tmp/stubs/arecord"
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$tmp/stubs/ssh"
chmod +x "$tmp/stubs/"*
PATH=$tmp/stubs:$PATH

# Everything that an example reads. Made once, copied for each tool.
make_box() {
  set -e
  mkdir -p build/cpu wenet wav conf exp/other exp/log data/{train,train_sp0.9,train_sp1.1,dev,all,test} train dev
  ln -s "$bin" build/cpu/bin
  ln -s "$root/utils" utils
  ln -s "$root/tools" tools
  python3 - <<'PY'
import array, math, random, wave
random.seed(6)


def write(name, seconds, sample, rate=16000):
    samples = array.array("h", [round(sample(t)) for t in range(round(seconds * rate))])
    with wave.open(name, "wb") as w:
        w.setparams((1, 2, rate, 0, "NONE", ""))
        w.writeframes(samples.tobytes())
    return samples


def noise(t):
    return random.gauss(0, 2000)


for u in range(1, 9):
    write(f"wav/u{u}.wav", 1, lambda t: 5000 * math.sin(t * u / 20) + random.gauss(0, 300))
open("pcm16", "wb").write(write("utt1.flac", 1, noise).tobytes())
write("wav/noise.wav", 2, noise)
write("wav/rir.wav", 0.2, lambda t: 20000 * math.exp(-t / 500) if t % 97 == 0 else 0)
open("a.pcm", "wb").write(array.array("h", [100, -100] * 4000).tobytes())
PY
  local u
  for u in 1 2 3 4 5 6 7 8; do
    echo "u$u $PWD/wav/u$u.wav" >>wav.scp
    echo "u$u s$u" >>utt2spk
    echo "u$u en" >>utt2lang
    echo "u$u AB B" >>text
    echo "u$u AB A" >>exp/hyp.txt
    echo "u$u AB" >>exp/other/hyp.txt
    printf '%su'$u' 1 0 0.5 AB 0.9\n%su'$u' 1 0.5 0.5 A 0.4\n' '' '' >>exp/dev.ctm
    printf '%su'$u' 1 0 0.5 AB 0.9\n%su'$u' 1 0.5 0.5 C 0.5\n' eval- eval- >>exp/eval.ctm
    echo "u$u pink 10" >>utt2snr
    echo "t$u u$u 0.1 0.9" >>segments
    printf "u$u 1 %s\n" '0.2 0.3 AB' '0.6 0.2 B' >>dev.ctm
  done
  echo "noise wav/noise.wav" >musan.scp
  echo "rir wav/rir.wav" >rirs.scp
  cp wav.scp clean.scp
  split -n l/4 -a 1 --numeric-suffixes=1 --additional-suffix=.scp wav.scp wav.
  echo u3 >bad_utterances
  utt2spk_to_spk2utt.pl utt2spk >spk2utt
  printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'A 3' 'B 4' '▁ 5' >units.txt
  printf '%s\n' '\data\' 'ngram 1=5' 'ngram 2=1' '' '\1-grams:' '-99 <s> -0.1' '-0.7 </s>' '-0.5 A -0.2' '-0.8 B' \
    '-1 <unk>' '' '\2-grams:' '-0.3 A B' '' '\end\' >lm.arpa
  gzip -c lm.arpa >lm.arpa.gz
  echo 'A B' >hot.txt
  printf 'num-mel-bins=20\n' >conf/fbank.conf
  printf '%s\n' feature-dim=20 model-dim=16 num-blocks=1 num-heads=2 hidden-dim=16 num-experts=4 decoder-blocks=1 \
    reverse-decoder-blocks=1 >conf/moe.conf
  local set prefix
  for set in train train_sp0.9 train_sp1.1 dev all test; do
    prefix=
    [[ $set != train_sp* ]] || prefix=${set#train_}-
    sed "s/^/$prefix/" wav.scp >data/$set/wav.scp
    sed "s/^/$prefix/" text >data/$set/text
    sed "s/^/$prefix/; s/ / $prefix/" utt2spk >data/$set/utt2spk
    utt2spk_to_spk2utt.pl data/$set/utt2spk >data/$set/spk2utt
  done
  mkdir data/eval corpus
  sed 's/^/eval-/; s/$/ A/' text >data/eval/text
  cp -r data/train corpus/train
  compute-fbank-feats --config=conf/fbank.conf --stats=fbank.1.json scp:wav.scp ark,scp:feats.ark,feats.scp
  cp fbank.1.json fbank.2.json
  feat-to-len scp:feats.scp ark,t:data/train/utt2num_frames
  cp feats.scp fbank.scp
  cp feats.ark copied.ark
  copy-feats ark:feats.ark ark,scp:recordings.ark,recordings.scp
  cp feats.scp train/feats.scp
  cp feats.scp dev/feats.scp
  compute-mfcc-feats scp:wav.scp ark,scp:mfcc.ark,mfcc.scp
  select-feats 0-1 scp:mfcc.scp ark,scp:pitch.ark,pitch.scp
  compute-vad scp:mfcc.scp ark,scp:vad.ark,vad.scp
  compute-cmvn-stats scp:feats.scp global_cmvn
  compute-cmvn-stats --spk2utt=ark:spk2utt scp:feats.scp ark,scp:cmvn.ark,cmvn.scp
  copy-feats "$(sed -n '1s/.* //p' feats.scp)" first.mat
  copy-feats "$(sed -n '2s/.* //p' feats.scp)" second.mat
  echo '[ 1 2 3 ]' >scores.vec
  text-to-tokens units.txt ark:text ark:tokens.ark
  copy-int-vector ark:tokens.ark ark,t:train/tokens
  cp train/tokens dev/tokens
  sed 's/ .*/ 3 4/' text >hyp.int
  nnet-init --units=units.txt --fbank-config=conf/fbank.conf conf/moe.conf final.safetensors
  nnet-init --units=units.txt --num-experts=0 --fbank-config=conf/fbank.conf conf/moe.conf dense.safetensors
  local copy
  for copy in init model exp/18 exp/19; do cp final.safetensors $copy.safetensors; done
  nnet-average exp/18.safetensors exp/19.safetensors exp/final.safetensors
  nnet-forward --stats=forward.json final.safetensors scp:feats.scp ark:logp.ark ark:encoder.ark
  ctc-decode --nbest=10 --stats=prefix.json ark:logp.ark ark:nbest.ark ark:scores.ark
  ctc-decode ark:logp.ark ark:hyp.ark
  attention-rescore --components=ark:parts.ark final.safetensors ark:encoder.ark ark:nbest.ark ark:scores.ark ark:/dev/null
  if command -v compile-graph; then
    printf '%s\n' 'A A' 'B B' >lexicon.txt
    arpa-to-fst --write-symbol-table=words.txt lm.arpa G.fst
    make-lexicon-fst --read-symbol-table=words.txt units.txt L.fst
    compile-graph units.txt L.fst G.fst TLG.fst
    for u in 1 2 3 4 5 6 7 8; do
      printf 'u%s \n0\t1\t1\t0.5,1,1_4_6\n1\t2\t2\t1,1,1_5_1\n1\t2\t1\t1,2,1_4_1\n2\n\n' $u >>lat.txt
      echo "u$u 1 2" >>words.ark
    done
    lattice-copy ark:lat.txt ark:lat.ark
    lattice-copy --write-compact=false ark:lat.txt ark:raw.ark
    cp lm.arpa small.arpa
    cp lm.arpa big.arpa
  fi
  attention-rescore --stats=rescoring.json final.safetensors ark:encoder.ark ark:nbest.ark ark:scores.ark ark:rescored.ark
  local golden_model
  golden_model=$(golden_path models/moe)
  if [ -n "$golden_model" ]; then
    cp "$golden_model/config.json" wenet/train.json
    cp "$golden_model/weights.safetensors" wenet/final.safetensors
    cp "$golden_model/units.txt" wenet/units.txt
  fi
  printf '%s\n' '<blank> 0' '<unk> 1' '▁ 2' 'A 3' 'B 4' '▁AB 5' '<sos/eos> 6' >wenet/words.txt
  # Its pieces are also units of the model above.
  python3 "$root/tests/support/tiny_word_pieces.py" wenet/bpe.model ▁ A B ▁AB "<u3>"
  echo 'AB B' >spellings.txt
  python3 "$root/tests/support/fake_experiment.py" fake 777 0.2 0.1
  mv fake/exp/* exp
  rm -r fake
}
make_box_here() (cd "$tmp/box" && make_box)
check "the files of the examples" make_box_here

have_sentencepiece() (
  cd "$tmp/box" || exit 1
  ! text-to-tokens --bpe-model=wenet/bpe.model wenet/words.txt ark:text ark:/dev/null 2>&1 | grep -q libsentencepiece-dev
)
run_example() { # <example>, in a copy of the box
  if [[ $1 == 'in wav.scp: '* ]]; then
    echo "${1#in wav.scp: }" >wav.scp
    wav-to-duration --read-entire-file=true scp:wav.scp ark,t:-
  else
    bash -o pipefail -c "$1"
  fi </dev/null
}
examples_of() { # <tool>
  local tool=${1##*/} n=0 named=0 example
  rm -rf "$tmp/run"
  cp -r "$tmp/box" "$tmp/run"
  while IFS= read -r -d '' example; do
    n=$((n + 1))
    [[ $example != *"$tool"* ]] || named=1
    if [[ $example == *--plot* ]] && ! command -v gnuplot >/dev/null; then
      skip "$tool, example $n" "no gnuplot"
    elif [[ $tool == make_word_pieces.py ]] && ! command -v spm_train >/dev/null; then
      skip "$tool, example $n" "no spm_train (package sentencepiece)"
    elif [[ $tool == text-to-tokens && $example == *--bpe-model* ]] && ! have_sentencepiece; then
      skip "$tool, example $n" "built without SentencePiece"
    elif [[ $tool == nnet-import && ! -s $tmp/box/wenet/train.json ]]; then
      skip "$tool, example $n" "no model of WeNet's"
    else
      cd "$tmp/run" || exit 1
      check "$tool: $example" run_example "$example"
      cd "$tmp" || exit 1
    fi
  done < <("$1" --help | python3 "$root/tests/support/help_examples.py")
  check_equal "$tool has an example" "$named" 1
}
for tool in "$bin"/*; do examples_of "$tool"; done

# Scripts for users. The others serve make and the recipes; their examples need what those make.
for script in "$root"/utils/{*_data*.sh,get_utt2dur.sh,*.pl,run-jobs,rtf-report,make-report,make_units.py,make_word_pieces.py} "$root/tools/dev/make-man.sh"; do
  examples_of "$script"
done
for script in "$root"/utils/{expert_front.py,words_table.py,hot_words.py} "$root/tools/dev/bench_scale.py" "$root"/utils/steps/*.sh; do
  check_equal "${script##*/} has an example" "$(grep -cE '^(#   |  )e\.g\. ' "$script")" 1
done

# What is not in a form that this test reads would be missed.
check_equal "the form of examples" "$(for tool in "$bin"/*; do "$tool" --help | sed '/^Options:/q' | grep -iE '^ *(for |an |)(example|e\.g)' | grep -vE '^  e\.g\. '; done)" ""
check_equal "an example over two lines, and two of them" "$(printf 'x\n  e.g. a b |\n         c\n       d \\\n         e\n   or: f\n  --opt  e.g.\n' |
  python3 "$root/tests/support/help_examples.py" | tr '\0\n' ';~')" 'a b |~         c;d \~         e;f;'
