#!/usr/bin/env bash
# feat-to-len, feat-to-dim, copy-vector and copy-int-vector.
. "$(dirname "$0")/../support/cli.sh"

printf 'a [ 1 2\n 3 4\n 5 6 ]\nb [ 1 2 ]\n' >"$tmp/feats.txt"
check_equal "feat-to-len sums" "$(feat-to-len "ark:$tmp/feats.txt" 2>/dev/null)" 4
check_equal "feat-to-len per utterance" "$(feat-to-len "ark:$tmp/feats.txt" ark,t:- 2>/dev/null | tr '\n' ';')" "a 3 ;b 1 ;"
check_fails "feat-to-len of nothing" 1 "no utterances in the input" feat-to-len ark:/dev/null
check_equal "feat-to-dim of the first" "$(feat-to-dim "ark:$tmp/feats.txt" - 2>/dev/null)" 2
check_equal "feat-to-dim per utterance" "$(feat-to-dim "ark:$tmp/feats.txt" ark,t:- 2>/dev/null | tr '\n' ';')" "a 2 ;b 2 ;"
check_equal "feat-to-dim skips what is empty" "$(feat-to-dim "ark:printf 'e [ ]\na [ 1 2 3 ]\n' |" - 2>/dev/null)" 3
check_fails "feat-to-dim of nothing" 1 "no utterance to take the dimension of" feat-to-dim ark:/dev/null -

printf 'a 1 -2 3\nb\nc 2147483647 \n' >"$tmp/ints.txt"
check "copy-int-vector to binary" copy-int-vector "ark:$tmp/ints.txt" "ark,scp:$tmp/i.ark,$tmp/i.scp"
check_equal "copy-int-vector back" "$(copy-int-vector "scp:$tmp/i.scp" ark,t:- 2>/dev/null | tr '\n' ';')" "a 1 -2 3 ;b ;c 2147483647 ;"
check_fails "copy-int-vector: too large" 1 "utterance a: .*'2147483648' is not a 32-bit integer" \
  copy-int-vector "ark:echo a 2147483648 |" ark:-
check_fails "copy-int-vector: matrices" 1 "holds another type" copy-int-vector "ark:copy-feats ark:$tmp/feats.txt ark:- |" ark:-

check "copy-int-vector of one file" copy-int-vector "echo '[ 5 -6 ]' |" "$tmp/one.ints"
check_equal "copy-int-vector of one file, bytes" "$(od -An -tx1 "$tmp/one.ints" | tr -d ' \n')" 0042040200000005000000faffffff
check_equal "copy-int-vector of one file, text" "$(copy-int-vector --binary=false "$tmp/one.ints" - 2>/dev/null)" "[ 5 -6 ]"
check_fails "copy-int-vector: one table, one file" 2 "give two tables or two files" copy-int-vector "$tmp/one.ints" ark:-
echo "a $tmp/i.ark:2[1:1]" >"$tmp/range.scp"
check_equal "copy-int-vector of a range" "$(copy-int-vector "scp:$tmp/range.scp" ark,t:- 2>/dev/null)" "a -2 "
printf 'a  [ 1 2.5 ]\nb  [ ]\n' >"$tmp/vec.txt"
check "copy-vector to binary" copy-vector "ark:$tmp/vec.txt" "ark:$tmp/v.ark"
check_equal "copy-vector back" "$(copy-vector "ark:$tmp/v.ark" ark,t:- 2>/dev/null | tr '\n' ';')" "a  [ 1 2.5 ];b  [ ];"
check_equal "copy-vector scales" "$(copy-vector --scale=2 --change-sign "ark:$tmp/v.ark" ark,t:- 2>/dev/null | head -n 1)" "a  [ -2 -5 ]"
echo "[ 1 2 ]" >"$tmp/one.vec"
check_equal "copy-vector of one file" "$(copy-vector --binary=false "$tmp/one.vec" - 2>/dev/null)" " [ 1 2 ]"
check_fails "copy-vector of a matrix" 1 "which is a matrix" copy-vector "ark:copy-feats ark:$tmp/feats.txt ark:- |" ark:-
for tool in copy-feats feat-to-len feat-to-dim copy-vector copy-int-vector; do
  check "$tool --help" "$tool" --help
  check_fails "$tool without arguments" 2 "--help" "$tool"
done
