#!/usr/bin/env bash
# copy-feats and, through it, what all tools owe to the tables: pipes, full disks, locales, odd names.
. "$(dirname "$0")/../support/cli.sh"

cat >"$tmp/feats.txt" <<'EOF'
utt-a  [
  1 2.5 -3 
  0.1 1e-30 4 ]
utt-b  [ ]
utt-ü  [
  7 8 9 ]
EOF
text=$tmp/feats.txt

# Formats
check "text to binary with script" copy-feats "ark:$text" "ark,scp:$tmp/f.ark,$tmp/f.scp"
check "binary back to text" copy-feats "ark:$tmp/f.ark" "ark,t:$tmp/back.txt"
check "text is the same again" cmp "$text" "$tmp/back.txt"
check "through the script" copy-feats "scp:$tmp/f.scp" "ark,t:$tmp/back.txt"
check "text is the same through the script" cmp "$text" "$tmp/back.txt"
check_equal "script lines" "$(cut -d: -f2 "$tmp/f.scp" | tr '\n' ' ')" "6 51 73 "
check "number of frames" copy-feats --write-num-frames="ark,t:$tmp/n" "ark:$text" ark:/dev/null
check_equal "number of frames, values" "$(tr '\n' ';' <"$tmp/n")" "utt-a 2 ;utt-b 0 ;utt-ü 1 ;"
check "script of single files" copy-feats "ark:$text" "scp:printf 'utt-a $tmp/a.mat\nutt-b $tmp/b.mat\nutt-ü | cat > $tmp/c.mat\n' |"
check "one file to one file" copy-feats --binary=false "$tmp/c.mat" "$tmp/c.txt"
check_equal "one file, value" "$(tr -d '\n ' <"$tmp/c.txt")" "[789]"

# Pipes and '-'
pipe() { bash -o pipefail -c "$1"; }
check "stdin and stdout" pipe "copy-feats ark:- ark:- <'$text' | copy-feats ark:- ark,t:- | cmp - '$text'"
check "commands both ways" copy-feats "ark:cat '$text' |" "ark,t:| cat > '$tmp/piped'"
check "commands both ways, value" cmp "$text" "$tmp/piped"
check_equal "stdout holds data only" "$(copy-feats "ark:$text" ark,t:- 2>/dev/null)" "$(cat "$text")"
check_fails "input command fails" 1 "command 'cat .*; exit 9' ended with exit status 9" \
  copy-feats "ark:cat '$text'; exit 9 |" "ark:$tmp/never.ark"
check_equal "no output after a failed command" "$(find "$tmp" -name '*never*' | wc -l)" 0
check_fails "input command is missing" 1 "status 127 \(command not found\)" copy-feats "ark:no-such-tool |" ark:-
check_fails "command for one file fails after it" 1 "the command 'cat .*' ended with exit status 9" \
  copy-feats "cat $tmp/c.mat; exit 9 |" "$tmp/never.mat"
check_fails "command for one file fails before it" 1 "end of the file.*the command 'exit 9' ended with exit status 9" \
  copy-feats "exit 9 |" "$tmp/never.mat"
check_fails "output command fails" 1 "ended with exit status 4" copy-feats "ark:$text" "ark:| cat >/dev/null; exit 4"
awk 'BEGIN { for (i = 10000; i < 13000; ++i) { printf "u%d  [", i; for (j = 0; j < 20; ++j) printf " %d", j; print " ]" } }' >"$tmp/many.txt"
closed_pipe() { copy-feats "ark:$tmp/many.txt" ark,t:- | head -n 1 >/dev/null; return "${PIPESTATUS[0]}"; }
check_fails "closed stdout" 1 "cannot write -: Broken pipe" closed_pipe
cut_input() { copy-feats "ark:copy-feats ark:$tmp/many.txt ark:- |" ark:- | copy-feats ark,t:- ark,t:- | grep -c '^u'; }
check_equal "long pipeline" "$(cut_input 2>/dev/null)" 3000
closed_stdout() { copy-feats "ark:$text" ark,t:- >&-; }
check_fails "no stdout at all" 1 "cannot write -: Bad file descriptor" closed_stdout

# Names
mkdir "$tmp/a b"
check "path with spaces" copy-feats "ark:$text" "ark,scp:$tmp/a b/f f.ark,$tmp/a b/f f.scp"
check "path with spaces is read" copy-feats "scp:$tmp/a b/f f.scp" "ark,t:$tmp/a b/back"
check "path with spaces, value" cmp "$text" "$tmp/a b/back"
check "reads the file it replaces" copy-feats "ark:$tmp/f.ark" "ark,scp:$tmp/f.ark,$tmp/f.scp"
check "replaced file is whole" pipe "copy-feats scp:$tmp/f.scp ark,t:- | cmp - '$text'"
check_fails "no such directory" 1 "does the directory $tmp/none exist" copy-feats "ark:$text" "ark:$tmp/none/x.ark"
check_fails "no such file" 1 "cannot open $tmp/none: No such file" copy-feats "ark:$tmp/none" ark:-
check_fails "a plain name where a table belongs" 2 "give two tables or two files" copy-feats "ark:$text" "$tmp/x"
check_fails "unknown table option" 2 "unknown option 'x' in the rspecifier" copy-feats "ark,x:$text" ark:-

# Bad contents
check_fails "empty input" 1 "no utterances in the input" copy-feats ark:/dev/null ark:-
head -c 40 "$tmp/f.ark" >"$tmp/cut.ark"
check_fails "truncated archive" 1 "cut.ark: key 'utt-a' at byte 0: the data end after 19 of 24 bytes; the file is truncated" \
  copy-feats "ark:$tmp/cut.ark" "ark:$tmp/never.ark"
check_equal "no output from a truncated archive" "$(find "$tmp" -name '*never*' | wc -l)" 0
check "permissive: the rest is absent" copy-feats "ark,p:cat $tmp/f.ark $tmp/cut.ark |" ark:/dev/null
check_fails "permissive: and named" 0 "WARNING.*key 'utt-a' at byte [0-9]+: .*truncated.*left out, as option p" \
  copy-feats "ark,p:cat $tmp/f.ark $tmp/cut.ark |" ark:/dev/null
{ cat "$text"; echo "bad  [ 1 x ]"; echo "utt-z  [ 1 2 3 ]"; } >"$tmp/bad.txt"
check_fails "bad entry is named" 1 "utterance bad: .*bad.txt: key 'bad' at byte [0-9]+: 'x' in row 0" \
  copy-feats "ark:$tmp/bad.txt" "ark,t:$tmp/rest.txt"
check_equal "the entry after it is kept" "$(tail -n 1 "$tmp/rest.txt")" "  1 2 3 ]"
check "bad entry within --max-failures" copy-feats --max-failures=1 "ark:$tmp/bad.txt" ark:/dev/null
sed 's/:[0-9]*$//' "$tmp/f.scp" >"$tmp/no-offset.scp"
check_fails "script without offsets" 1 "the file is an archive, so the line needs an offset" copy-feats "scp:$tmp/no-offset.scp" ark:-
echo "utt-a $tmp/gone.ark:12" >"$tmp/gone.scp"
check_fails "script to a missing archive" 1 "gone.scp:1: key 'utt-a' from .*gone.ark:12: cannot open" copy-feats "scp:$tmp/gone.scp" ark:-
check_fails "script read as archive" 1 "write scp: instead of ark:" copy-feats "ark:$tmp/f.scp" ark:-
check_fails "archive read as script" 1 "write ark: instead of scp:" copy-feats "scp:$tmp/f.ark" ark:-
{ cat "$tmp/f.scp"; echo "lost $tmp/gone.ark:12"; } >"$tmp/lost.scp"
check_fails "permissive script: what is left out is named" 0 "WARNING.*lost.scp:4: key 'lost' .*left out, as option p" \
  copy-feats "scp,p:$tmp/lost.scp" ark:/dev/null
check_fails "archive read as one file" 1 "f.ark: an archive where a file with one value is expected; write ark:" \
  copy-feats "$tmp/f.ark" "$tmp/never.mat"
check_fails "unsorted with option s" 1 "key 'a' at byte [0-9]+: comes after 'b'" copy-feats "ark,s:printf 'b [ 1 ]\na [ 1 ]\n' |" ark:-

# Other locales: numbers keep their point.
if have_german; then
  check "German locale" german copy-feats "ark:$text" "ark,t:$tmp/german.txt"
  check "German locale, value" cmp "$text" "$tmp/german.txt"
else
  skip "German locale" "localedef cannot make de_DE.UTF-8 (package locales)"
fi
check "unknown locale" env LC_ALL=xx_XX copy-feats "ark:$text" ark:/dev/null

# Full disk: nothing under the final name, nothing temporary left.
full_disk() { # runs in its own mount namespace
  mount -t tmpfs -o size=64k tmpfs "$1" || return 77
  local status=0
  copy-feats "ark:$2" "ark,scp:$1/f.ark,$1/f.scp" || status=$?
  [ -z "$(ls -A "$1")" ] || { echo "left behind: $(ls -A "$1")" >&2; return 99; }
  return "$status"
}
export -f full_disk
mkdir "$tmp/small"
if unshare -rm bash -c "mount -t tmpfs -o size=64k tmpfs '$tmp/small'" 2>/dev/null; then
  check_fails "full disk" 1 "cannot write .*/f.ark: No space left on device" \
    unshare -rm bash -c "full_disk '$tmp/small' '$tmp/many.txt'"
else
  skip "full disk" "no tmpfs can be mounted here"
fi
if [ -w /dev/full ]; then
  check_fails "full device" 1 "No space left on device" copy-feats "ark:$text" ark:/dev/full
  full_stdout() { copy-feats "ark:$text" ark:- >/dev/full; }
  check_fails "full stdout" 1 "cannot write -: No space left on device" full_stdout
else
  skip "full device" "no /dev/full"
fi
check_equal "no temporary files are left" "$(find "$tmp" -name '*.tmp-*' | wc -l)" 0
