# Sourced by tests/cli/*.sh: counts the checks of one script and tells them to tools/dev/run-tests.sh.
#
#   check NAME cmd...                      passes if cmd exits 0
#   check_fails NAME STATUS REGEX cmd...   passes if cmd exits STATUS and its stderr matches REGEX (grep -E)
#   check_equal NAME got want              passes if the two strings are equal
#   check_peak NAME MB cmd...              passes if cmd exits 0 and never has more than MB megabytes in memory
#   skip NAME why                          counts a test that cannot run here
#   have_german                            true if a locale that writes 0,5 for 0.5 can be made here
#   german cmd...                          runs cmd, or a function, in that locale
#
# cmd may be a function of the script; a pipeline goes into a function or `bash -o pipefail -c`. A check never
# ends the script. Variables: $tmp, a fresh directory removed at the end; $root, the source tree; $golden and
# $fsdd, the reference data or "" if absent; golden_path RELATIVE prints where one golden file is, or "".
# A script can be run by hand: bash tests/cli/copy-feats.sh

set -uo pipefail
export LC_ALL=C.UTF-8
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export BUILD=${BUILD:-$root/build/cpu}
case $BUILD in /*) ;; *) BUILD=$root/$BUILD ;; esac
PATH=$BUILD/bin:$PATH
tmp=$(mktemp -d "${TMPDIR:-/tmp}/u2moe-cli-XXXXXX")

# U2MOE_SHARED names another place for ../shared, and only that: a folder that is not there hides the others.
shared=
for shared_candidate in "${U2MOE_SHARED-$root/../shared}" "${U2MOE_SHARED-$root/../../shared}"; do
  if [ -d "$shared_candidate" ]; then
    shared=$(cd "$shared_candidate" && pwd)
    break
  fi
done
golden_path() {
  local place
  for place in "$root/tests/golden" "${shared:-/nonexistent}/golden"; do
    if [ -e "$place/$1" ]; then echo "$place/$1"; return; fi
  done
}
golden=$root/tests/golden
[ -d "$golden" ] || golden=${shared:+$shared/golden}
[ -d "$golden" ] || golden=
fsdd=${shared:+$shared/data/fsdd}
[ -d "$fsdd" ] || fsdd=

cli_passed=0 cli_failed=0 cli_skipped=0

cli_pass() { cli_passed=$((cli_passed + 1)); echo "PASS $1"; }
cli_fail() { # NAME message
  cli_failed=$((cli_failed + 1))
  echo "FAIL $1"
  printf '%s\n' "$2" | sed 's/^/    /'
}
cli_output() { # the last lines of what the command printed, as text
  tail -n 20 "$@" | tr -d '\0'
}

check() {
  local name=$1 status=0
  shift
  "$@" >"$tmp/.check.out" 2>"$tmp/.check.err" || status=$?
  if [ "$status" -eq 0 ]; then
    cli_pass "$name"
  else
    cli_fail "$name" "command: $*
exit status $status, expected 0
$(cli_output "$tmp/.check.out" "$tmp/.check.err")"
  fi
}

check_fails() {
  local name=$1 want=$2 regex=$3 status=0 why=
  shift 3
  "$@" >"$tmp/.check.out" 2>"$tmp/.check.err" || status=$?
  [ "$status" -eq "$want" ] || why="exit status $status, expected $want"
  grep -aEq -e "$regex" "$tmp/.check.err" || why="${why:+$why; }stderr does not match: $regex"
  if [ -z "$why" ]; then
    cli_pass "$name"
  else
    cli_fail "$name" "command: $*
$why
$(cli_output "$tmp/.check.err")"
  fi
}

check_equal() {
  if [ "$2" = "$3" ]; then
    cli_pass "$1"
  else
    cli_fail "$1" "got:  $2
want: $3"
  fi
}

check_peak() {
  local name=$1 limit=$2
  shift 2
  case $BUILD in *address* | *thread*) skip "$name" "sanitizers take memory of their own"; return ;; esac
  if ! python3 -c 'import resource' 2>/dev/null; then skip "$name" "no python3"; return; fi
  check "$name" python3 -c '
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024e-6
sys.exit(status or (f"peak memory {peak:.1f} MB, expected at most {sys.argv[1]}" if peak > float(sys.argv[1]) else 0))
' "$limit" "$@"
}

skip() {
  cli_skipped=$((cli_skipped + 1))
  echo "SKIP $1: $2"
}

have_german() {
  if [ ! -d "$tmp/locales" ]; then
    mkdir "$tmp/locales"
    localedef -i de_DE -f UTF-8 "$tmp/locales/de_DE.UTF-8" >/dev/null 2>&1
  fi
  [ "$(german bash -c 'printf %.1f 0,5' 2>/dev/null)" = 0,5 ]
}
german() { LOCPATH=$tmp/locales LC_ALL=de_DE.UTF-8 "$@"; }

# Runs at the script's end, however it ends: a script that stops early counts as one failure more.
cli_finish() {
  local status=$?
  rm -rf "$tmp"
  if [ "$status" -ne 0 ]; then
    cli_fail "$(basename "$0") runs to its end" "the script ended with status $status"
  fi
  echo "cli: $cli_passed passed, $cli_failed failed, $cli_skipped skipped"
  [ "$cli_failed" -eq 0 ] || exit 1
  exit 0
}
trap cli_finish EXIT
