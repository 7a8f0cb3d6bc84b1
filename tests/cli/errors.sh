#!/usr/bin/env bash
# What all tools on tables owe to their users, tried on each of them: the message names the file, the exit status is
# right, nothing appears under a final name that is not whole, and neither locale nor closed descriptors matter.
. "$(dirname "$0")/../support/cli.sh"
. "$root/tests/support/table-tools.sh"
for kind in $kinds; do
  head -c -7 $kind/good >$kind/cut # within the last value; of text the last line
  gzip -c $kind/good >$kind/foreign
  : >$kind/empty
done

closed_pipe() { { sleep 0.1; run "ark:$kind/good" ark:-; } | :; return "${PIPESTATUS[0]}"; }
closed_stdout() { run "ark:$kind/good" ark:- >&-; }
# A file that is opened must not become what messages are printed to.
closed_stderr() { run "ark:$1" "ark:$2" 2>&- <&-; }
small_disk() { # in a mount namespace of its own
  mount -t tmpfs -o size=4k tmpfs small || return 77
  run ark:large ark,scp:small/x.ark,small/x.scp || local status=$?
  [ -z "$(ls -A small)" ] || { echo "left behind: $(ls -A small)" >&2; return 99; }
  return "${status:-0}"
}
no_file() { [ ! -e "$1" ]; }

mkdir "with space" small
while read -r kind words; do
  [ -e $kind/good ] || continue
  read -r -a command <<<"$words"
  tool=${command[0]}
  check "$tool: good input" run "ark:$kind/good" ark:want
  check "$tool: path with spaces" run "ark:$kind/good" "ark,scp:with space/x y.ark,with space/x y.scp"
  check "$tool: path with spaces, value" cmp want "with space/x y.ark"
  check_fails "$tool: full device" 1 'No space left on device' run "ark:$kind/good" ark:/dev/full
  check_fails "$tool: closed pipe" 1 'cannot write -: Broken pipe' closed_pipe
  check_fails "$tool: closed standard output" 1 'cannot write -: Bad file descriptor' closed_stdout
  rm -f got
  check "$tool: closed standard error" closed_stderr "$kind/good" got
  check "$tool: closed standard error, value" cmp want got
  if have_german; then
    check "$tool: German locale" german run "ark:$kind/good" ark:german
    check "$tool: German locale, value" cmp want german
  else
    skip "$tool: German locale" "localedef cannot make de_DE.UTF-8 (package locales)"
  fi
  check_fails "$tool: missing input" 1 'cannot open [^ ]*/none' run "ark:$kind/none" ark:none.out
  check_fails "$tool: foreign input" 1 "$kind/foreign: .*compressed; read it as" run "ark:$kind/foreign" ark:none.out
  [[ $tool == extract-*segments ]] || # which read no further than the last segment's recording
    check_fails "$tool: input command fails" 1 "ended with exit status 9" run "ark:cat $kind/good; exit 9 |" ark:none.out
  case $kind in
    text | wav) ;; # a shorter text is a text; a wav that was cut is one bad utterance
    *) check_fails "$tool: truncated input" 1 "$kind/cut: key 'b' at byte [0-9]+: .*truncated" run "ark:$kind/cut" ark:none.out ;;
  esac
  [ $kind != wav ] ||
    check_fails "$tool: truncated input" 1 "utterance [bt]: .*$kind/cut: key 'b' at byte [0-9]+: .*cut off" run "ark:$kind/cut" ark:x
  check "$tool: no file under the final name" no_file none.out
  check_fails "$tool: empty input" 1 'no [a-z]+ in the input|no entry for key' run "ark:$kind/empty" ark:x
  check_fails "$tool: no arguments" 2 'arguments given. Usage: ' "$tool"
  check_fails "$tool: unknown option" 2 "unknown option --nonsense" "$tool" --nonsense
  check_equal "$tool: help on stdout" "$("$tool" --help 2>/dev/null | grep -c '^Usage: ')" 1
  check_fails "$tool: a file where a table belongs" 2 'write ark:FILE or scp:FILE|give two tables|tables only' run "$kind/good" ark:x
done <<<"$table"

# What goes wrong after the value was read names where it came from, too.
if [ -n "$wav" ]; then
  echo "a $wav/0_george_0.wav" >wav.scp
  check_fails "wrong sampling rate: table, line, key and file" 1 "utterance a: wav.scp:1: key 'a' from .*george_0.wav: sampled at 8000" \
    compute-fbank-feats scp:wav.scp ark:x
fi
printf 'a [ -1 nan ]\n' >nan
check_fails "NaN in ctc-decode" 1 "utterance a: nan: key 'a' at byte 0: .*NaN" ctc-decode ark:nan ark:x
check_fails "NaN in ctc-decode with threads" 1 "utterance a: nan: key 'a' at byte 0: .*NaN" ctc-decode --threads=2 ark:nan ark:x
check_fails "NaN in compute-cmvn-stats" 1 "utterance a: nan: key 'a' at byte 0: .*NaN.*extract" compute-cmvn-stats ark:nan ark:x
check_fails "NaN in apply-cmvn-sliding" 1 "utterance a: nan: key 'a' at byte 0: frame 0, dimension 1 is NaN" apply-cmvn-sliding ark:nan ark:x
check_fails "NaN in apply-cmvn" 1 "utterance a: nan: key 'a' at byte 0: frame 0, dimension 1 is NaN" apply-cmvn stats ark:nan ark:x
check_fails "a token outside the units" 1 "utterance a: ints/good: key 'a' at byte 0: token 2 is outside" \
  tokens-to-text <(printf 'A 0\nB 1\n') ark:ints/good ark:x

# What happens to be printed while an output is open stays out of it.
printf 'a 1\nb x\n' >half
copy-int-vector ark:- ark,t:half.out <half 2>&-
check_equal "a warning without standard error" $? 1
check_equal "is not in the output" "$(cat half.out)" 'a 1 '

# A full disk rather than a full device: what was begun goes away again.
export -f run small_disk
seq -f 'u%.0f 1 2' 5000 >large
if unshare -rm bash -c 'mount -t tmpfs -o size=4k tmpfs small' 2>/dev/null; then
  check_fails "full disk" 1 'cannot write small/x.ark: No space left on device' \
    unshare -rm bash -c 'command=(copy-int-vector IN OUT); small_disk'
else
  skip "full disk" "no tmpfs can be mounted here"
fi
check_equal "no temporary files are left" "$(find . -name '*.tmp-*')" ''
