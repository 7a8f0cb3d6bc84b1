#!/usr/bin/env bash
# U2MOE_CPU: what it caps, that the machine line tells it, and that the program which OpenBLAS makes begin once more still
# has its arguments and its standard input.
. "$(dirname "$0")/../support/cli.sh"
unset U2MOE_CPU

check "a model" nnet-init --preset=dense-225m --num-blocks=1 --model-dim=60 --vocab-size=20 --decoder-blocks=1 \
  --reverse-decoder-blocks=1 --feature-dim=20 "$tmp/model"
awk 'BEGIN { for (u = 1; u <= 2; ++u) { printf "utt%d [", u
  for (t = 0; t < 60; ++t) { printf "\n"; for (d = 0; d < 20; ++d) printf " %g", 10 + (t * 7 + d * 3 + u) % 11 / 5 } print " ]" } }' \
  >"$tmp/feats.txt"

# The log and the output of one run; features come through a pipe.
forward() { # <limit or ""> <name> [option]
  local limit=$1 name=$2
  shift 2
  env ${limit:+U2MOE_CPU=$limit} nnet-forward "$@" "$tmp/model" ark:- "ark:$tmp/$name.ark" <"$tmp/feats.txt" 2>"$tmp/$name.log"
}
machine() { sed -n 's/.*\(OpenBLAS .*\)/\1/p' "$tmp/$1.log" | head -n 1; }

check "without a limit" forward "" none
for limit in avx2 avx512 amx; do
  check "$limit" forward $limit $limit
  check_equal "$limit: the machine line names it" "$(machine $limit | grep -c "U2MOE_CPU=$limit\$")" 1
done
check_equal "no limit, no word of it" "$(machine none | grep -c U2MOE_CPU)" 0
check_equal "avx2: no better kernels" "$(machine avx2 | grep -cE 'AVX3|AMX|SkylakeX|Cooperlake|SapphireRapids')" 0
check_equal "avx512: no AMX" "$(machine avx512 | grep -cE 'AMX|SapphireRapids')" 0
check "amx is no limit" cmp "$tmp/none.ark" "$tmp/amx.ark"
check "int8 with a limit" forward avx2 avx2.int8 --precision=int8
check "int8 without" forward "" none.int8 --precision=int8
check_fails "arguments stay whole" 1 'feats with a space' env U2MOE_CPU=avx2 nnet-forward "$tmp/model" "ark:feats with a space" ark:-
check_fails "another word" 2 'U2MOE_CPU=sse in the environment: expected avx2, avx512 or amx' \
  env U2MOE_CPU=sse nnet-forward "$tmp/model" "ark:$tmp/feats.txt" ark:/dev/null
