#!/usr/bin/env bash
# The house rules that a machine can check. Each finding is a line "file:line: what is wrong"; the exit status is 1
# if there is any. clang-format and shellcheck are used where installed, and named where they are not.
set -uo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/../.." || exit 1

max_lines=600 max_main_lines=130 max_bytes=$((2 * 1024 * 1024))
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT
say() { echo "$*" >>"$findings"; }

# All files that are or would be committed; without git, all but the build.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  mapfile -t listed < <(git ls-files -co --exclude-standard)
else
  mapfile -t listed < <(find . -type f -not -path './build/*' -not -path './.git/*' | sed 's:^\./::')
fi
files=() sources=() scripts=() texts=()
for file in "${listed[@]}"; do
  [ -f "$file" ] || continue
  files+=("$file")
  case $file in
    *.h | *.cc | *.cu | *.cuh) sources+=("$file") texts+=("$file") ;;
    *.sh | .ci/run) scripts+=("$file") texts+=("$file") ;;
    tests/golden/*) ;;
    Makefile | *.py | *.md | *.txt | *.conf | *.gp) texts+=("$file") ;;
    *) if head -c 64 "$file" | head -n 1 | grep -aq '^#!.*\<\(ba\)\?sh\>'; then
      scripts+=("$file") texts+=("$file")
    fi ;;
  esac
done

# Sources: the order of includes, where heavy headers and CUDA conditions may stand, guards, lengths, words.
awk -v max_lines=$max_lines -v max_main_lines=$max_main_lines '
  function say(line, text) { print FILENAME ":" line ": " text }
  function finish() {
    if (last == "") return
    limit = last ~ /^bin\// ? max_main_lines : max_lines
    if (lines > limit) print last ":" lines ": longer than " limit " lines; split what does not belong together"
    # Headers compiled once per SIMD target have a guard that toggles.
    if (last ~ /\.h$/ && last !~ /-inl\.h$/ && guard_state != 2) print last ":1: the header guard must be " guard
  }
  FNR == NR {  # include-order.txt
    sub(/#.*/, "")
    if (NF) { known[$1] = 1; for (i = 1; i <= NF; ++i) may[$1, $i] = 1 }
    next
  }
  FNR == 1 {
    finish()
    last = FILENAME; split(FILENAME, part, "/"); guard_state = 0
    in_src = part[1] == "src"; folder = in_src ? part[2] : part[1]
    guard = FILENAME; sub(/^src\//, "", guard); gsub(/[^A-Za-z0-9]/, "_", guard)
    guard = "U2MOE_" toupper(guard) "_"
    if (in_src && !(folder in known)) say(1, "src/" folder " is not in tests/lint/include-order.txt")
  }
  { lines = FNR }
  # Types of one name in one namespace: a program with both would take either for the other, without a word from the
  # linker. Unnamed namespaces are a file each, mains are programs of their own.
  FNR == 1 { depth = 0; unnamed = 0; space = "" }
  /^ *(inline )?namespace( [A-Za-z0-9_:]+)? \{$/ {
    space_at[++depth] = space
    if ($1 == "namespace" && $2 == "{") ++unnamed_at[depth]; else space = space "::" $(NF - 1)
    if (unnamed_at[depth]) ++unnamed
  }
  /^ *\}  \/\/ namespace/ && depth > 0 {
    if (unnamed_at[depth]) { --unnamed; delete unnamed_at[depth] }
    space = space_at[depth--]
  }
  in_src && !unnamed && /^(class|struct|union|enum( class)?) [A-Za-z0-9_]+[^;:]*( : [^;]*)?\{/ {
    type = $2 == "class" || $2 ~ /^alignas/ ? $3 : $2
    if ((space, type) in defined) say(FNR, "a type " type " is in " defined[space, type] " too; names are unique in a namespace")
    else defined[space, type] = FILENAME
  }
  FILENAME ~ /\.h$/ && $1 == "#ifndef" && guard_state == 0 { guard_state = $2 == guard ? 1 : -1 }
  FILENAME ~ /\.h$/ && $1 == "#define" && guard_state == 1 { guard_state = $2 == guard ? 2 : -1 }
  /^#include "/ {
    path = $2; gsub(/"/, "", path); split(path, to, "/")
    if (path !~ /\// || path ~ /^\.\.?\//) say(FNR, "includes are written from src/: " path)
    else if (to[1] == "bin" || (in_src && to[1] == "support")) say(FNR, "nobody includes " path)
    else if (in_src && (to[1] in known) && !((folder, to[1]) in may))
      say(FNR, folder " may not include " to[1] " (tests/lint/include-order.txt)")
    if (in_src && path ~ /^[a-z]+\/ref\// && FILENAME !~ /^src\/[a-z]+\/ref\//)
      say(FNR, "references are for tests only")
  }
  /^#include <(boost\/|nlohmann\/json\.hpp|sndfile|cblas|unicode\/)/ && FILENAME ~ /^src\/.*\.h$/ { say(FNR, "heavy header; include it in the .cc") }
  /^#include <(boost\/|nlohmann\/|sndfile|unicode\/)/ && FILENAME ~ /^bin\// { say(FNR, "a main has no format code; use the library") }
  /^[ \t]*#[ \t]*(el)?if.*(CUDA|NVCC)/ && FILENAME !~ /\.cuh?$/ && FILENAME !~ /^(src|tests)\/([a-z]+\/)+cuda-[a-z-]+\.(h|cc)$/ && FILENAME !~ /^src\/(base\/host-device\.h|ops\/dispatch\.(h|cc)|tensor\/((context|device|gemm)\.cc|op-scope\.h)|moe\/moe-feed-forward\.cc)$/ && FILENAME !~ /^tests\/(support\/|model\/devices\.h$)/ {
    say(FNR, "a CUDA condition outside ops/dispatch.h")
  }
  /[ \t\r]$/ { say(FNR, "white space at the end of the line") }
  /^using namespace/ && FILENAME ~ /\.h$/ { say(FNR, "using namespace in a header") }
  END { finish() }
' tests/lint/include-order.txt "${sources[@]}" >>"$findings"

# Words and flags. Written with brackets so that these lines do not find themselves.
if [ ${#texts[@]} -gt 0 ]; then
  grep -nwE 'T[O]DO|F[I]XME|X[X]X|H[A]CK' "${texts[@]}" /dev/null |
    sed -E 's/^([^:]*:[0-9]+:).*/\1 unfinished work is not committed/' >>"$findings"
  grep -nE '/work/([m]ain|[w]t|[s]hared)|/home/[a-z]' "${texts[@]}" /dev/null |
    sed -E 's/^([^:]*:[0-9]+:).*/\1 a path of one machine/' >>"$findings"
fi
flagged=()
for file in "${texts[@]}"; do
  case $file in *.md) ;; *) flagged+=("$file") ;; esac
done
grep -nE -e '-march=[n]ative|-ff[a]st-math|-O[f]ast' "${flagged[@]}" /dev/null |
  sed -E 's/^([^:]*:[0-9]+:).*/\1 such a binary runs, or rounds, on one machine only/' >>"$findings"

# Tools: each in the table of README.md and in some test.
for main in bin/*.cc; do
  [ -e "$main" ] || continue
  tool=$(basename "$main" .cc)
  grep -qwe "$tool" README.md 2>/dev/null || say "$main:1: $tool is not in the table of tools in README.md"
  grep -rqwe "$tool" tests --include='*.sh' --include='*.cc' --include='*.py' || say "$main:1: no test runs $tool"
done

# What a repository should not carry.
for file in "${files[@]}"; do
  [ "$(stat -c %s "$file")" -le "$max_bytes" ] || say "$file:1: larger than $((max_bytes / 1024)) KiB"
  case $file in
    tests/golden/*) ;;
    *.wav | *.flac | *.mp3 | *.ogg | *.sph) say "$file:1: audio belongs to a corpus, not to the source" ;;
    *.o | *.a | *.so | *.pyc | *.png.tmp) say "$file:1: made by a program" ;;
  esac
  case ${file##*/} in
    *[A-Z_\ ]*.h | *[A-Z_\ ]*.cc | *[A-Z_\ ]*.sh) case $file in
      egs/*/local/* | utils/*) ;; # Kaldi's scripts are called get_utt2dur.sh
      tests/support/cuda/include/*) ;; # as CUDA's headers are called
      *) say "$file:1: file names are hyphen-case" ;;
    esac ;;
  esac
done

# Shell scripts.
for script in "${scripts[@]}"; do
  bash -n "$script" 2>&1 | sed -E "s|^[^:]*: line ([0-9]+):|$script:\1:|" >>"$findings"
  case $script in
    tests/cli/*.sh)
      grep -q 'support/cli\.sh' "$script" || say "$script:1: does not source tests/support/cli.sh"
      ;;
    tests/support/* | */path.sh | */cmd.sh) ;;
    *) [ -x "$script" ] || say "$script:1: not executable" ;;
  esac
done
absent=
if command -v shellcheck >/dev/null; then
  # SC2154, SC2034: variables that a sourced file sets or reads.
  [ ${#scripts[@]} -eq 0 ] || printf '%s\0' "${scripts[@]}" |
    xargs -0 shellcheck -s bash -x -S warning -e SC2154,SC2034 -f gcc >>"$findings"
else
  absent=" shellcheck"
fi

# Format. Versions of clang-format differ in details; the sources follow the one of Debian 12 and Ubuntu 22.04.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  [ ${#sources[@]} -eq 0 ] ||
    printf '%s\0' "${sources[@]}" | # each process prints at once, so that lines do not mix
      xargs -0 -P "$(nproc)" -n 16 bash -c 'out=$(clang-format --dry-run "$@" 2>&1); echo "$out"' - |
      sed -nE 's/^([^ :]*:[0-9]+):[0-9]+: (warning|error): .*/\1: not in the format of .clang-format; run make format/p' |
      awk -F: '!seen[$1]++' >>"$findings"
else
  absent+=" clang-format 14"
fi

sort -u "$findings"
[ -z "$absent" ] || echo "lint: not installed, so not asked:$absent" >&2
count=$(sort -u "$findings" | wc -l)
echo "lint: ${#files[@]} files, $count findings"
[ "$count" -eq 0 ]
