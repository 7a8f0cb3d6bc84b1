#!/usr/bin/env bash
# What the recipes draw for their corpora, without audio tools.
. "$(dirname "$0")/../support/cli.sh"
if ! command -v python3 > /dev/null; then
  skip corpus-lists "no python3"
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1

cd "$root/egs/polyglot" || exit 1
make_lists() { # <folder> <train>
  python3 local/make_utterances.py --langs "de en-us es fi fr-fr it nl pl ru tr" --topics "days months numbers" --train "$2" --dev 40 \
    --test 60 --seed 5 --corpus "$tmp/$1/corpus" --data "$tmp/$1/data"
}
check "lists" make_lists a 200
check "again" make_lists b 200
check "same seed, same lists" diff -r "$tmp/a" "$tmp/b"
check "a larger training set" make_lists c 300
check "leaves the test set alone" diff -r "$tmp/a/data/test_noisy" "$tmp/c/data/test_noisy"
cd "$tmp/a/data" || exit 1
speakers() { cut -d ' ' -f 2 "$1/utt2spk" | sort -u; }
common() { comm -12 <(speakers "$1" | sort) <(speakers "$2" | sort); }
check_equal "voices of dev are not in train" "$(common train dev)" ""
check_equal "voices of test are not in train" "$(common train test_clean)" ""
check_equal "voices of test are not in dev" "$(common dev test_noisy)" ""
variants=" Andrea Andy Annie Denis Gene Hugo Jacky Lee Mario Michael anika aunty belinda f1 f2 f3 f4 f5 john
  linda m1 m2 m3 m4 m5 m6 m7 m8 max paul pedro steph zac " # some of those in all of espeak-ng 1.50, 1.51 and 1.52
for voice in $(cut -d ' ' -f 2 {train,dev,test_clean}/utt2spk | sort -u); do
  check "voice $voice is in every espeak-ng" grep -qw "$voice" <<< "$variants"
done
check_equal "all languages" "$(cut -d ' ' -f 2 train/utt2lang | sort | uniq -c | awk '{ print $1 }' | uniq)" 20
check_equal "noisy and clean say the same" "$(sed 's/-tn/-tc/' test_noisy/text)" "$(cat test_clean/text)"
check_equal "no noise outside the range" \
  "$(awk '$3 < 5 || $3 > 20 || ($2 != "white" && $2 != "pink")' test_noisy/utt2snr)" ""
for set in train dev test_clean test_noisy; do
  "$root/utils/utt2spk_to_spk2utt.pl" $set/utt2spk > $set/spk2utt
  check "data directory $set" "$root/utils/validate_data_dir.sh" --no-wav --no-feats $set
done

# The lists that egs/fsdd/local builds are those of the prepared corpus: made from recordings of noise
# that have the right lengths.
if [ -z "$fsdd" ]; then
  skip "lists of connected digits" "no prepared corpus beside the source tree"
  exit 0
fi
python3 - "$fsdd/data/test_clean" "$tmp/recordings" << 'EOF'
import array, os, random, sys, wave
source, out = sys.argv[1:]
os.makedirs(out)
parts = [p for line in open(f'{source}/utt2parts') for p in line.split()[1:]]
lengths = [round(float(line.split()[3]) * 8000) for line in open(f'{source}/ref.ctm')]
rng = random.Random(1)
for stem, n in set(zip(parts, lengths)):
    with wave.open(f'{out}/{stem}.wav', 'wb') as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(8000)
        w.writeframes(array.array('h', [rng.randrange(-99, 99) for _ in range(n)]).tobytes())
EOF
cd "$root/egs/fsdd/local" || exit 1
make_connected() { # the test sets alone
  python3 -c "import make_connected as m; m.SETS = [s for s in m.SETS if s[0] == 'test_clean']; m.main()" \
    --fsdd "$tmp/recordings" --out "$tmp/fsdd"
}
check "connected digits" make_connected
for file in test_clean/text test_clean/utt2parts test_clean/utt2dur test_clean/ref.ctm test_noisy/utt2snr \
  test_noisy/text test_noisy/spk2utt; do
  check "$file as in the prepared corpus" cmp "$tmp/fsdd/data/$file" "$fsdd/data/$file"
done
rm "$tmp/recordings/7_theo_3.wav"
check_fails "a missing recording is noticed" 1 'recordings for test_clean, not 10 digits x 6' make_connected
