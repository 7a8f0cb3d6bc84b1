#!/usr/bin/env bash
# test-all.sh BUILD: all tests under each value of U2MOE_CPU that this machine has, with ../shared, and again without it those that
# look for something there (the others would do the same once more). ROWS="amx-with avx2-without" runs these only.
# Prints a table; the logs are BUILD/test-all-<limit>-<shared>.log. The exit status is 0 only if nothing failed.
set -uo pipefail
[ $# -eq 1 ] || {
  echo "Usage: tools/dev/test-all.sh BUILD" >&2
  exit 2
}
cd "$(dirname "$0")/../.." || exit 1
build=$1 status=0 table=
for limit in $(tools/dev/cpu-limits.sh); do
  for shared in with without; do
    [[ -z ${ROWS:-} || " $ROWS " == *" $limit-$shared "* ]] || continue
    log=$build/test-all-$limit-$shared.log
    hide=() tests=()
    if [ $shared = without ]; then
      hide=(U2MOE_SHARED=/nonexistent)
      mapfile -t tests < <(tools/dev/shared-readers.sh)
    fi
    echo "U2MOE_CPU=$limit, $shared ../shared: $log" >&2
    env "${hide[@]}" U2MOE_CPU=$limit tools/dev/run-tests.sh "$build" "${tests[@]}" >"$log" 2>&1 || status=1
    table+=$(printf '%-7s  %-7s  %s' "$limit" "$shared" "$(tail -n 1 "$log")")$'\n'
  done
done
printf 'limit    shared   result\n%s' "$table"
exit $status
