#!/usr/bin/env bash
# compute-nce: sclite's figure, calibration, a map fitted on one set and reported on another.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
PATH=$PATH:/usr/lib/sctk/bin
nce() { compute-nce "$@" 2>/dev/null; }

printf '%s\n' 'r1 a b c d' 'r2 x y' 'r3 quiet' >ref
printf '%s\n' 'r1 1 0.1 0.1 a 0.9' 'r1 1 0.3 0.1 b 0.6' 'r1 1 0.5 0.1 e 0.4' 'r1 1 0.7 0.1 d 0.95' \
  'r2 1 0.1 0.1 x 1.0' 'r2 1 0.3 0.1 z 0.3' >hyp.ctm
check_equal "by hand" "$(nce ark:ref hyp.ctm)" 'NCE 0.598 of 6 words, 4 right; mean confidence 0.692, calibration error 0.208
  0.3 to 0.4: 1 words, 0.000 right, mean 0.300
  0.4 to 0.5: 1 words, 0.000 right, mean 0.400
  0.6 to 0.7: 1 words, 1.000 right, mean 0.600
  0.9 to 1.0: 3 words, 1.000 right, mean 0.950'
check_fails "no error to predict" 0 'there is no NCE' compute-nce ark:ref <(echo r1 1 0 1 a 0.9)
check_fails "a word without confidence" 1 "recording r1: the word 'a' has no confidence" compute-nce ark:ref <(echo r1 1 0 1 a)
check_fails "characters" 2 'leave --cer and --char out' compute-nce --cer ark:ref hyp.ctm
check_fails "a slope that turns all round" 2 'confidence-slope=-1' compute-nce --confidence-slope=-1 ark:ref hyp.ctm

if command -v python3 >/dev/null; then
  # Recognisers whose confidences are too sure of themselves.
  python3 -c '
import math, random
rng = random.Random(3)
for name in "dev", "test":
    with open(name, "w") as ref, open(name + ".ctm", "w") as ctm, open(name + ".stm", "w") as stm:
        for u in range(120):
            words = [rng.choice("abcdefgh") for _ in range(rng.randrange(1, 12))]
            key = f"{name}{u:03d}"
            print(key, *words, file=ref)
            print(key, 1, f"spk{u % 5}", 0, 1000, *words, file=stm)
            t = 0
            for word in words:
                x = rng.uniform(-2, 8)
                right = rng.random() < 1 / (1 + math.exp(-x / 2 + 1))
                out = [word] if right else rng.choice([[], ["wrong"], [word + "x"]])
                for w in out:
                    print(key, 1, f"{t:.2f} 0.50 {w} {1 / (1 + math.exp(-x)):.4f}", file=ctm)
                    t += 1'
  check "fit" compute-nce --fit=map.conf --not-for=ark:test ark:dev dev.ctm
  check_equal "fit: its file" "$(sed 's/=.*//' map.conf | tr '\n' ' ')" 'confidence-slope confidence-offset confidence-fitted-on '
  nce --config=map.conf ark:test test.ctm >report
  check "the map helps on another set" awk '/^NCE [-0-9]/ { before = $2 } /^NCE mapped/ { after = $3 } END { exit !(after > before + 0.02) }' report
  check_fails "not on its own" 2 'ark:dev is the set that the map was fitted on' compute-nce --config=map.conf ark:dev dev.ctm
  check_fails "a set that will be reported" 2 'utterance dev000 is in' compute-nce --fit=x.conf --not-for=ark:dev ark:dev dev.ctm
  check_fails "a fit that does not know" 0 'not-for makes sure' compute-nce --fit=x.conf ark:dev dev.ctm
  check_fails "not for what is not fitted" 2 'not-for needs --fit' compute-nce --not-for=ark:test ark:dev dev.ctm
  if command -v sclite >/dev/null; then
    for name in dev test; do
      check_equal "sclite's NCE: $name" "$(nce "ark:$name" $name.ctm | awk 'NR == 1 { print $2 }')" \
        "$(sclite -s -r $name.stm stm -h $name.ctm ctm -o rsum stdout 2>/dev/null | awk '$2 == "Sum" { print $(NF - 1) }')"
    done
  else
    skip "sclite's NCE" "no sclite (package sctk)"
  fi
fi
check "help" compute-nce --help
