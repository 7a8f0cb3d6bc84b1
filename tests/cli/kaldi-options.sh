#!/usr/bin/env bash
# Tools whose names are Kaldi's take all options of Kaldi's, with its defaults, and its spellings of values.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
if command -v python3 >/dev/null; then
  for tool in $(python3 "$root/tests/support/kaldi_options.py" tools); do
    check_equal "$tool" "$("$tool" --help | python3 "$root/tests/support/kaldi_options.py" check "$tool")" ""
  done
  # The comparison itself finds what is absent or other than in Kaldi.
  check_equal "a wrong help is found" "$(copy-feats --help | sed 's/--compress (bool, default false)/--compress (int, default 0)/
    s/--binary (bool, default true)/--binary (bool, default false)/; /--htk-in/d' |
    python3 "$root/tests/support/kaldi_options.py" check copy-feats)" \
    'copy-feats --binary: default false, in Kaldi true
copy-feats --compress: int, in Kaldi bool
copy-feats has no --htk-in'
else
  skip kaldi-options "no python3"
fi

printf 'a  [\n  1 2\n  3 4 ]\nb  [\n  5 6 ]\n' >f.txt
for yes in t T true TRUE 1 yes; do
  check "--compress=$yes" copy-feats --compress="$yes" --print-args=f ark:f.txt "ark:$yes.ark"
  check_equal "--compress=$yes compresses" "$(tr -d '\0' <"$yes.ark" | grep -ac 'BCM')" 1
  check_equal "--print-args=f is silent" "$(head -n 1 .check.err | grep -c copy-feats.--compress)" 0
done
for no in f F false False 0 no; do
  check "--compress=$no" copy-feats --compress="$no" ark:f.txt "ark:$no.ark"
  check_equal "--compress=$no does not" "$(tr -d '\0' <"$no.ark" | grep -ac 'BFM')" 1
done
check_fails "another truth value" 2 '--compress=2: expected true or false' copy-feats --compress=2 ark:f.txt ark:x.ark
check_fails "an empty one" 2 '--compress=: expected true or false' copy-feats --compress= ark:f.txt ark:x.ark
check "an option without a value is on" copy-feats --compress ark:f.txt ark:x.ark
check_equal "and compresses" "$(tr -d '\0' <x.ark | grep -ac 'BCM')" 1
check "underscores, capitals, spaces" copy-feats --Compression_Method=' 3 ' --compress='t ' --print_args=f --verbose=2 ark:f.txt ark:x.ark
check_equal "are as in Kaldi" "$(tr -d '\0' <x.ark | grep -ac 'BCM2')" 1
check_fails "a number without a value" 2 'needs a value' copy-feats --compression-method ark:f.txt ark:x.ark
check_fails "an empty number" 2 'compression-method=: expected a whole number' copy-feats --compression-method= ark:f.txt ark:x.ark

# Options without effect are taken, and their values looked at.
printf 'u1 A B C\nu2 D E\n' >ref
printf 'u2 D E\nu1 A X C\n' >hyp
printf '%%WER 20.00 [ 1 / 5, 0 ins, 0 del, 1 sub ]\n%%SER 50.00 [ 1 / 2 ]\nScored 2 sentences, 0 not present in hyp.\n' >want
for options in --text '--text --mode=present' '--text=true --mode=all' '--text=f --mode=strict'; do
  # shellcheck disable=SC2086
  check_equal "compute-wer $options, Kaldi's way" "$(compute-wer $options ark:ref ark,p:- <hyp 2>/dev/null)" "$(cat want)"
done
check_fails "compute-wer --text=2" 2 'text=2: expected true or false' compute-wer --text=2 ark:ref ark:hyp
check_equal "present: what both have" "$(head -n 1 hyp | compute-wer --text --mode=present ark:ref ark,p:- 2>/dev/null | head -n 1)" \
  '%WER 0.00 [ 0 / 2, 0 ins, 0 del, 0 sub ] [PARTIAL]'
check_equal "all: what lacks is deleted" "$(head -n 1 hyp | compute-wer --text --mode=all ark:ref ark,p:- 2>/dev/null | head -n 1)" \
  '%WER 60.00 [ 3 / 5, 0 ins, 3 del, 0 sub ] [PARTIAL]'
if command -v python3 >/dev/null; then
  python3 - <<'PY'
import array, random, wave
random.seed(4)
with wave.open("a.wav", "wb") as w:
    w.setparams((1, 2, 16000, 0, "NONE", ""))
    w.writeframes(array.array("h", [round(random.gauss(0, 3000)) for _ in range(6000)]).tobytes())
PY
  echo 'a a.wav' >wav.scp
  for tool in compute-fbank-feats compute-mfcc-feats; do
    $tool --dither=0 scp:wav.scp ark:plain.ark 2>/dev/null
    check "$tool --max-feature-vectors" $tool --dither=0 --max-feature-vectors=3 scp:wav.scp ark:x.ark
    check "$tool --max-feature-vectors has no effect" cmp plain.ark x.ark
    check_fails "$tool --max-feature-vectors=x" 2 'expected a whole number' $tool --max-feature-vectors=x scp:wav.scp ark:x.ark
  done
fi
printf 'a [ 1 2 3 ]\n' >v.txt
check_equal "copy-vector --change-dim cuts" "$(copy-vector --change-dim=2 ark:v.txt ark,t:- 2>/dev/null | tr -s ' ')" "a [ 1 2 ]"
check_equal "copy-vector --change_dim fills" "$(copy-vector --change_dim=4 --scale=2 ark:v.txt ark,t:- 2>/dev/null | tr -s ' ')" "a [ 2 4 6 0 ]"
check_fails "copy-vector --change-dim=-2" 2 'change-dim=-2: expected' copy-vector --change-dim=-2 ark:v.txt ark:x.ark

# --help wins over whatever else is wrong, and says so if it cannot be printed.
check_equal "--help after the arguments" "$(copy-feats a b --help | sed -n 1p)" "$(copy-feats --help | sed -n 1p)"
check "--help beside an unknown option" copy-feats --no-such --help
check "--help beside a configuration that is missing" copy-feats --config=nowhere.conf --help
check_fails "--help after -- is a file" 2 'not one of each: --help ark:x.ark' copy-feats -- --help ark:x.ark
to_closed_pipe() { exec 3> >(exec true) && wait $! && copy-feats --help >&3; }
check "--help to a closed pipe" to_closed_pipe
check_equal "is quiet" "$(cat .check.err)" ""
check_fails "--help to a full disk" 1 'cannot print the help: No space left' bash -c 'copy-feats --help >/dev/full'
check_fails "a near miss" 2 'unknown option --compres; did you mean --compress' copy-feats --compres=true ark:f.txt ark:x.ark
check_fails "no miss at all" 2 'unknown option --no-such$' copy-feats --no-such ark:f.txt ark:x.ark

# Configurations: in the order of the command line, before the options, whatever editor wrote them.
printf '\357\273\277--compress=true\r\n--compression_method=3 # two bytes\r\n\r\n' >windows.conf
check "a configuration with a byte order mark and CRLF" copy-feats --config=windows.conf ark:f.txt ark:x.ark
check_equal "is read" "$(tr -d '\0' <x.ark | grep -ac 'BCM2')" 1
printf 'compress = f' >off.conf
check "two configurations" copy-feats --config=windows.conf --config=off.conf ark:f.txt ark:x.ark
check_equal "the later counts" "$(tr -d '\0' <x.ark | grep -ac 'BFM')" 1
check "the other way round" copy-feats --config=off.conf --config=windows.conf ark:f.txt ark:x.ark
check_equal "the later counts then too" "$(tr -d '\0' <x.ark | grep -ac 'BCM2')" 1
check "an option before the configuration" copy-feats --compress=false --config=windows.conf ark:f.txt ark:x.ark
check_equal "counts more" "$(tr -d '\0' <x.ark | grep -ac 'BFM')" 1
check_fails "a missing configuration" 2 'cannot read configuration file nowhere.conf: .*No such file or directory' \
  copy-feats --config=nowhere.conf ark:f.txt ark:x.ark
check_fails "a folder as configuration" 2 "cannot read configuration file $tmp: .*it is a directory" \
  copy-feats --config="$tmp" ark:f.txt ark:x.ark
check_fails "no name of a configuration" 2 "cannot read configuration file ''" copy-feats --config= ark:f.txt ark:x.ark
printf -- '--compres=true\n' >bad.conf
check_fails "a near miss in a configuration" 2 'bad.conf:1: unknown option --compres; did you mean --compress' \
  copy-feats --config=bad.conf ark:f.txt ark:x.ark
