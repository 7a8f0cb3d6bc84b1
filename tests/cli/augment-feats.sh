#!/usr/bin/env bash
# augment-feats: what it does depends on seed and key alone, and only masks, copies and cuts.
. "$(dirname "$0")/../support/cli.sh"
cd "$tmp" || exit 1
# 40 utterances of 50 + i frames with 20 dimensions; the value tells frame and dimension, and is never 0.
for i in $(seq 40); do
  awk -v i="$i" 'BEGIN { printf "utt%d  [\n", i; n = 50 + i
    for (t = 0; t < n; t++) { for (d = 0; d < 20; d++) printf " %d", 1000 * t + d + 1; print t == n - 1 ? " ]" : "" } }'
done >in.txt
copy-feats ark:in.txt ark,scp:in.ark,in.scp 2>/dev/null
augment="augment-feats --print-args=false"
differ() { ! cmp -s "$1" "$2" && [ -s "$1" ] && [ -s "$2" ]; }

check "the default" $augment --seed=3 scp:in.scp ark,scp:out.ark,out.scp
check "again" $augment --seed=3 scp:in.scp ark:again.ark
check "gives the same" cmp out.ark again.ark
$augment --seed=4 scp:in.scp ark:other.ark 2>/dev/null
check "another seed gives something else" differ out.ark other.ark
# Backwards, and in two jobs.
tac in.scp >backwards.scp
$augment --seed=3 scp:backwards.scp ark,scp:b.ark,b.scp 2>/dev/null
awk 'NR == FNR { place[$1] = $2; next } { print $1, place[$1] }' b.scp in.scp >b_sorted.scp
copy-feats scp:b_sorted.scp ark:b_sorted.ark 2>/dev/null
check "the order does not matter" cmp out.ark b_sorted.ark
$augment --seed=3 "scp:head -n 15 in.scp |" ark:job1.ark 2>/dev/null
$augment --seed=3 "scp:tail -n 25 in.scp |" ark:job2.ark 2>/dev/null
cat job1.ark job2.ark >jobs.ark
check "nor the split into jobs" cmp out.ark jobs.ark

# Per utterance: frames, rows of zeros, columns of zeros, other zeros, values that are neither 0 nor as before,
# rows that were copied from earlier ones.
judge() {
  copy-feats --print-args=false "ark:$1" ark,t:- 2>/dev/null | awk '
    /\[/ { if (n) finish(); n = 0; split("", value); next }
    { gsub(/\]/, ""); n++; for (d = 1; d <= 20; d++) value[n, d] = $d }
    function finish(   t, d, row, col, rows, cols, zeros, strange, copies, from) {
      for (t = 1; t <= n; t++) { row = 1; for (d = 1; d <= 20; d++) if (value[t, d] != 0) row = 0; rows += row; zero_row[t] = row }
      for (d = 1; d <= 20; d++) { col = 1; for (t = 1; t <= n; t++) if (value[t, d] != 0) col = 0; cols += col; zero_col[d] = col }
      for (t = 1; t <= n; t++) { from = 0
        for (d = 1; d <= 20; d++) {
          if (value[t, d] == 0) { if (!zero_row[t] && !zero_col[d]) zeros++ }
          else if ((value[t, d] - d) % 1000 != 0) strange++
          else if (value[t, d] != 1000 * (t - 1) + d) { from = 1; if (value[t, d] > 1000 * (t - 1) + d) strange++ } }
        copies += from }
      total_rows += rows; total_cols += cols; total_zeros += zeros; total_strange += strange; total_copies += copies; frames += n
      if (rows > max_rows) max_rows = rows; if (cols > max_cols) max_cols = cols }
    END { finish(); print frames, (total_rows > 0) (total_cols > 0) (total_copies > 0), total_zeros + 0, total_strange + 0, max_rows + 0 <= 20, max_cols + 0 <= 8 }'
}
$augment --max-t=10 --max-f=4 scp:in.scp ark:x.ark 2>/dev/null
check_equal "two masks each way of at most that size" "$(judge x.ark)" "2820 110 0 0 1 1"
$augment --num-t-mask=0 --num-f-mask=0 --num-t-sub=3 scp:in.scp ark:x.ark 2>/dev/null
check_equal "SpecSub copies earlier frames" "$(judge x.ark)" "2820 001 0 0 1 1"
check "nothing asked for" $augment --num-t-mask=0 --num-f-mask=0 scp:in.scp ark:x.ark
check "changes nothing" cmp x.ark in.ark
check "trimming" $augment --num-t-mask=0 --num-f-mask=0 --max-t-trim=20 scp:in.scp ark:x.ark
check_equal "cuts 1 to 20 frames off the end" "$(feat-to-len ark:x.ark ark,t:- 2>/dev/null |
  awk '{ cut = 50 + substr($1, 4) - $2; if (cut < 1 || cut > 20) bad++; sum += cut } END { print bad + 0, (sum > 40) }')" "0 1"
printf 'e  [ ]\none  [\n  1 ]\n' >odd.txt
check_fails "no frames" 1 "utterance e: .*no frames" $augment ark:odd.txt ark:x.ark
check_equal "one frame is possible" "$(feat-to-len ark:x.ark ark,t:- 2>/dev/null | awk '{print $1, $2}')" "one 1"
check_fails "masks of no size" 2 "max-t" $augment --max-t=0 scp:in.scp ark:x.ark
check_fails "an unknown option" 2 "did you mean --num-t-sub" $augment --num-t-subs=1 scp:in.scp ark:x.ark
