#!/usr/bin/env bash
# compute-wer against NIST's tools (Debian's package sctk): alignments to the byte, the matched pairs test.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
PATH=$PATH:/usr/lib/sctk/bin
if ! command -v sclite >/dev/null || ! command -v sc_stats >/dev/null || ! command -v python3 >/dev/null; then
  skip sctk "no sclite (package sctk) or no python3"
  exit 0
fi

# Systems of several qualities on utterances of several lengths, some of them without words.
python3 -c '
import random
rng = random.Random(7)
words = ["a", "b", "cc", "dd", "Zoe", "zoe", "x_1"] + ["w%d" % i for i in range(9)]
files = [open(name, "w") for name in ("ref", "first", "second", "third")]
for u in range(300):
    # Every tenth is long, so that lines are cut.
    ref = [rng.choice(words) for _ in range(rng.randrange(400, 500) if u % 30 == 7 else rng.randrange(1, 25))]
    shared = [rng.random() < 0.1 for _ in ref]  # what is hard for all
    for f, rate in zip(files, (0, 0.06, 0.1, 0.3)):
        out = []
        for word, hard in zip(ref, shared):
            wrong = rate and (hard or rng.random() < rate)
            kind = rng.randrange(3) if wrong else None
            if kind != 0: out.append(rng.choice(words) if kind == 1 else word)
            if kind == 2: out.append(rng.choice(words))
        print("s%d-u%03d" % (u % 7, u), *out, file=f)'
# The utterances of a speaker one after another, as sclite wants them.
for name in ref first second third; do
  sort -o "$name" "$name"
  sed 's/^\([^ ]*\) *\(.*\)/\2 (\1)/' "$name" >"$name.trn"
done
for name in first second third; do
  sclite -s -r ref.trn trn -h "$name.trn" trn "ark:$name" -i spu_id -o pralign >/dev/null 2>&1
  compute-wer --align=sclite --pra="$name.pra" ark:ref "ark:$name" >"$name.wer" 2>/dev/null
  check "sclite -s -o pralign: $name" cmp "$name.trn.pra" "$name.pra"
done
awk '{ print $1, substr($1, 1, 2) }' ref >utt2spk
compute-wer --align=sclite --utt2spk=utt2spk --pra=spk.pra ark:ref ark:third >/dev/null 2>&1
check "speakers of a table" cmp third.pra spk.pra

# Each pair's segments, mean, deviation and Z, as sc_stats prints them, first - second there. It reads no long lines.
awk 'NF > 100 { print $1 }' ref >long
for name in ref first second third; do
  grep -vwFf long "$name" >x && mv x "$name"
  sed 's/^\([^ ]*\) *\(.*\)/\2 (\1)/' "$name" >"$name.trn"
done
for name in first second third; do
  sclite -s -r ref.trn trn -h "$name.trn" trn "ark:$name" -i spu_id -o sgml >/dev/null 2>&1
  sed -n '/<SYSTEM/,$p' "$name.trn.sgml" >>all.sgml
done
sc_stats -p -t mapsswe -v -n out <all.sgml >/dev/null 2>&1
check_equal "sc_stats compared" "$(cat out* | grep -c 'MTCH_PR_RESULTS')" 3
for pair in 'first second' 'first third' 'second third'; do
  set -- $pair
  compute-wer --align=sclite --bootstrap-draws=100 --compare="ark:$2" --json=pair.json ark:ref "ark:$1" >/dev/null 2>&1
  check_equal "sc_stats -t mapsswe: $pair" "$(python3 -c '
import json
m = json.load(open("pair.json"))["difference"]["mapsswe"]
print("%d %.3f %.3f %.3f" % (m["segments"], -m["mean"], m["deviation"], -m["z"]))')" \
    "$(cat out* | grep "MTCH_PR_RESULTS (systems: ark:$1 ark:$2)" |
      sed 's/.*# segs: \([0-9]*\)).*mean: \([-0-9.]*\)) (std dev: \([0-9.]*\)) (Z Stat: \([-0-9.]*\)).*/\1 \2 \3 \4/')"
done
