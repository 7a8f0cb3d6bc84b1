#!/usr/bin/env bash
# The stage of words: text out of packages, lists of hot words, and searches beside their controls with an untrained
# model, with one language model and with one for each language.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/speech.sh"
if ! command -v python3 > /dev/null; then
  skip words "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
clone=$(make_clone)
cd "$tmp" || exit 1

# Text of packages.
tree=$tmp/packages/usr/share
mkdir -p "$tree"/games/fortunes/cs "$tree"/man/cs/man1 "$tree"/libreoffice/help/cs/text/a "$tree"/locale/cs/LC_MESSAGES
printf 'Kdo jinému jámu kopá. Sám do ní padá!\n\t\t-- Neznámý Autor Jmenný\n%%\nPevná vazba 5 slov.\n%%\nКто там стоит за дверью\n' \
  > "$tree/games/fortunes/cs/kniha"
printf '.TH LS 1\n.SH JMÉNO\nls \\- vypíše obsah adresáře\n.PP\nNástroj\n.B ls\nvypíše soubory podle jména.\n' | gzip > "$tree/man/cs/man1/ls.1.gz"
printf '<html><p class="x">Otevře <b>dialogové</b> okno pro výběr.</p><p>A ryba dnes v noci plave sama domů</p><p>ryba plave sama</p></html>' > "$tree/libreoffice/help/cs/text/a/b.html"
python3 - "$tree/locale/cs/LC_MESSAGES/x.mo" << 'END'
import struct, sys
pairs = [(b'', b'Content-Type: text/plain; charset=UTF-8\n'), (b'Open _file', 'Otevřít _soubor hned'.encode()), (b'%d of', 'Celkem %d znaků'.encode())]
ids, strs, offset = [], [], 28 + 16 * len(pairs)
data = b''
for group, side in ((ids, 0), (strs, 1)):
    for p in pairs:
        group.append((len(p[side]), offset + len(data)))
        data += p[side] + b'\0'
out = struct.pack('<7I', 0x950412de, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
out += b''.join(struct.pack('<2I', *x) for x in ids + strs) + data
open(sys.argv[1], 'wb').write(out)
END
printf 'u1 ryba plave sama\nu2 ryba dnes v noci\nu3 kdo stojí za dveřmi a čeká na nás\n' > said
package_text() { U2MOE_ROOT=$clone python3 "$clone/egs/debian/local/package_text.py" --without said \
  --normalize lowercase,no-punctuation "$@"; }
check "text of packages" package_text --langs cs packages text-out
check_equal "sentences" "$(cat text-out/cs.txt)" "kdo jinému jámu kopá
sám do ní padá
ls vypíše obsah adresáře
nástroj ls vypíše soubory podle jména
otevře dialogové okno pro výběr
otevřít soubor hned"
check_equal "counts" "$(tail -n 2 text-out/counts.txt)" "cs: program help: 1 sentences, 5 words; 2 said in dev or test left out
cs: messages: 1 sentences, 3 words; 0 said in dev or test left out"
check_fails "no text" 1 'holds no text in da' package_text --langs da packages text-da

# Hot words: what training knows least, and as many that are not there.
printf 'u1 aaaa bbbb cccc dddd eeee\nu2 aaaa bbbb bbbb\n' > train-text
printf 'v1 aaaa bbbb zzzz yyyy xx aaaa aaab aaac aaad aaae aaaf\n' > test-text
check "hot words" "$root/utils/hot_words.py" --size 9 train-text test-text hot
check_equal "two of ten, and two others" "$(xargs < hot)" "aaab aaac cccc dddd"
check_fails "no such words" 1 'has no word of 9 letters' "$root/utils/hot_words.py" --letters 9 train-text test-text hot9

# Searches, with a model that knows nothing.
recipe=$clone/egs/recipe
mkdir -p "$recipe"/{data/{train,dev,test},dump/{train,dev,test},exp/moe/1,lm}
cp "$clone/egs/polyglot/path.sh" "$recipe"
cd "$recipe" || exit 1
printf '%s\n' '<blank> 0' '<unk> 1' '<sos/eos> 2' 'a 3' 'b 4' 'c 5' '▁ 6' > dump/units.txt
printf '%s\n' feature-dim=20 model-dim=16 num-blocks=1 num-heads=2 hidden-dim=16 num-experts=4 decoder-blocks=1 \
  reverse-decoder-blocks=1 > moe.conf
python3 - << 'END'
import random
random.seed(1)
for name, count in (('dev', 6), ('test', 8)):
    with open(f'feats.{name}', 'w') as feats, open(f'data/{name}/text', 'w') as text, open(f'data/{name}/utt2lang', 'w') as langs:
        for i in range(count):
            key = f'{name}{i}'
            rows = [' '.join(f'{random.gauss(0, 1):.3f}' for _ in range(20)) for _ in range(60)]
            feats.write(f'{key} [\n ' + '\n '.join(rows) + ' ]\n')
            text.write(f'{key} ' + ' '.join(random.choice(['ab', 'c', 'ba', 'cab']) for _ in range(3)) + '\n')
            langs.write(f'{key} {"xy"[i % 2]}\n')
END
for s in dev test; do copy-feats "ark:feats.$s" "ark,scp:feats.$s.ark,dump/$s/feats.scp" 2> /dev/null; done
check "a model" nnet-init --units=dump/units.txt moe.conf exp/moe/1/final.safetensors
printf '\\data\\\nngram 1=6\nngram 2=2\n\n\\1-grams:\n-99 <s> -0.3\n-0.6 </s>\n-0.9 <unk>\n-0.6 ab -0.2\n-0.7 c\n-0.9 ba\n\n\\2-grams:\n-0.2 <s> ab\n-0.3 ab c\n\n\\end\\\n' > lm/x.arpa
sed 's/-0.2 <s> ab/-0.2 <s> c/' lm/x.arpa > lm/y.arpa
printf 'ba\nab c\t2\n' > hot
words() { "$clone/utils/steps/words.sh" --lm-weights "0.2 0.6" --length-bonuses "0 1" --beam 3 --chunks "-1 4" "$@" dump data test exp/moe/1; }
if words --lm lm/x.arpa --hot-words hot > table 2> words.log; then
  check "one language model" true
else
  check "one language model" tail -n 5 words.log
  check "it ran" false
fi
check "the table" cmp table exp/moe/1/words/test/table.txt
check_equal "each row of both chunks" "$(grep -cE '^  (greedy|prefix beam 3|prefix beam 15 .control.|prefix beam 3 [+] LM|prefix beam 3 [+] hot words|prefix beam 3 [+] LM [+] hot words|attention, beam 3|joint CTC/attention, beam 3|3-best rescored|15-best rescored .control.|3-best rescored [+] LM|3-best of fusion rescored [+] LM) ' table)" 24
check_equal "listed and other words" "$(grep -c 'B-WER *U-WER' table)" 2
check_equal "weights were chosen" "$(grep -cE 'prefix beam 3 [+] LM  .* lm-weight=0[.][26] length-bonus=[01]$' table)" 2
check_equal "no utterance is lost" "$(cut -d ' ' -f 1 exp/moe/1/words/test/4/fusion3.text | xargs)" "$(cut -d ' ' -f 1 data/test/text | xargs)"
if words --lms lm > table.lms 2> words.log; then
  check_equal "a model for each language" "$(grep -c 'prefix beam 3 [+] LM ' table.lms)" 2
else
  check "a model for each language" tail -n 5 words.log
  check "it ran" false
fi
check_equal "every utterance of both" "$(cut -d ' ' -f 1 exp/moe/1/words/test/4/fusion3.text | sort | xargs)" "$(cut -d ' ' -f 1 data/test/text | xargs)"
check_equal "without hot words no parts" "$(grep -c 'B-WER' table.lms)" 0
if command -v compile-graph > /dev/null; then
  # The units cannot spell the words of one language: the graph of the other is there.
  mkdir lm2
  cp lm/x.arpa lm2
  sed -e 's/ab/zz/g' -e 's/ba/zy/g' -e 's/ c/ zx/g' lm/y.arpa > lm2/y.arpa
  if words --lms lm2 --hot-words hot > table.graphs 2> words.log; then
    check_equal "the language without a graph" "$(grep -c 'no graph for y: see .*log/graph.y$' words.log)" 1
    check_equal "it stops no other" "$(grep -cE '^  (graph|graph [+] hot words|3-best of lattices rescored [+] LM) .*by fusion: y$' table.graphs)" 6
    check_equal "every utterance of both" "$(cut -d ' ' -f 1 exp/moe/1/words/test/4/wfst.text | sort | xargs)" "$(cut -d ' ' -f 1 data/test/text | xargs)"
    check_equal "as fusion found it" "$(grep -h -e 'test[1357]' exp/moe/1/words/test/4/wfst.text | sort)" \
      "$(grep -h -e 'test[1357]' exp/moe/1/words/test/4/fusion3.text | sort)"
  else
    check "graphs for each language" tail -n 5 words.log
    check "it ran" false
  fi
fi

# What confidences are worth: of an untrained model little, but each row is there, and maps are fitted on dev alone.
confidence() { "$clone/utils/steps/confidence.sh" --chunks "-1 4" --beam 3 "$@" dump data test exp/moe/1; }
if confidence --graphs exp/moe/1/words/test/graph > table.confidence 2> words.log; then
  rows=$(command -v compile-graph > /dev/null && echo 6 || echo 2)
  check_equal "the language without a graph" "$(grep -c 'no graph .*/y/TLG.fst' words.log)" "$(command -v compile-graph > /dev/null && echo 1 || echo 2)"
  check_equal "confidences, both chunks" "$(grep -cE '^(-1|4) +(prefix +ctc|graph +ctc|graph +lattice) ' table.confidence)" "$rows"
  for map in exp/moe/1/confidence/test/-1/*.conf; do
    check_fails "${map##*/} is dev's" 2 'ark:data/dev/text is the set that the map was fitted on' \
      compute-nce --config="$map" ark:data/dev/text "${map%.conf}.ctm"
    check "${map##*/}: the words stay" cmp <(cut -d ' ' -f 1-5 "${map%.conf}.ctm") <(cut -d ' ' -f 1-5 "${map%.conf}.raw.ctm")
  done
else
  check "confidences" tail -n 5 words.log
  check "it ran" false
fi
if confidence > table.confidence 2> words.log; then
  check_equal "without graphs" "$(grep -cE '^(-1|4) ' table.confidence)" 2
else
  check "without graphs" tail -n 5 words.log
  check "it ran" false
fi
check_fails "maps of dev on dev" 2 'which is not what is reported' "$clone/utils/steps/confidence.sh" dump data dev exp/moe/1

# Word pieces: the model holds them, and hot words are spelled with them.
tiny="$root/tests/support/tiny_word_pieces.py"
printf 'A 0\n' > a.units
if python3 "$tiny" a.model A && echo "u A" | text-to-tokens --bpe-model=a.model a.units ark:- ark:/dev/null 2>&1 | grep -q libsentencepiece-dev; then
  skip "hot words in word pieces" "built without SentencePiece"
else
  printf '%s\n' '<blank> 0' '<unk> 1' '▁ 2' 'a 3' 'b 4' 'c 5' '▁ab 6' '▁ba 7' '<sos/eos> 8' > dump/units.txt
  python3 "$tiny" dump/bpe.model ▁ a b c ▁ab ▁ba
  mkdir -p exp/pieces/1
  check "a model of word pieces" nnet-init --units=dump/units.txt --bpe-model=dump/bpe.model moe.conf exp/pieces/1/final.safetensors
  rm -rf dump/units.txt dump/bpe.model # the model is enough
  if "$clone/utils/steps/words.sh" --beam 3 --chunks -1 --hot-words hot dump data test exp/pieces/1 > table.pieces 2> words.log; then
    check_equal "hot words in word pieces" "$(grep -c '^  prefix beam 3 [+] hot words ' table.pieces)" 1
    check_equal "none is left out" "$(grep -ho 'hot: 2 hot phrases, 0 left out' exp/pieces/1/words/test/log/* | sort -u)" "hot: 2 hot phrases, 0 left out"
  else
    check "hot words in word pieces" tail -n 5 words.log
    check "it ran" false
  fi
fi
check_fails "dev is not reported" 2 'which is not what is reported' "$clone/utils/steps/words.sh" dump data dev exp/moe/1
check_fails "one or many" 2 'give --lm or --lms' words --lm lm/x.arpa --lms lm
