#!/usr/bin/env bash
# check-deps.sh build|test COMPILER [FLAG...]: are the compiler, headers and libraries there? Prints a line for each
# missing one and the Debian package that has it. The Makefile calls it once per build directory.
set -uo pipefail
what=$1
shift
compile=() # e.g. g++ -std=c++17 -I/usr/include/kissfft
for word in "$@"; do
  case $word in -MD | -MP) ;; *) compile+=("$word") ;; esac # no dependency files
done

# what   header               library                  Debian package
table='
build  cblas.h                openblas                 libopenblas-dev
build  boost/program_options.hpp boost_program_options libboost-program-options-dev
build  sndfile.h              sndfile                  libsndfile1-dev
build  soxr.h                 soxr                     libsoxr-dev
build  kiss_fftr.h            kissfft-float            libkissfft-dev
build  hwy/highway.h          hwy                      libhwy-dev
build  unicode/uchar.h        icuuc                    libicu-dev
build  nlohmann/json.hpp      -                        nlohmann-json3-dev
test   gtest/gtest.h          gtest                    libgtest-dev'

missing=()
if ! command -v "${compile[0]}" >/dev/null; then
  missing+=("the compiler ${compile[0]}|g++")
elif ! echo 'int main() { return [] { if constexpr (true) return 0; }(); }' |
  "${compile[@]}" -x c++ -fsyntax-only - 2>/dev/null; then
  echo "${compile[0]} cannot compile C++17 with these flags: ${compile[*]:1}" >&2
  exit 1
else
  # One run of the preprocessor asks for all headers, one of the linker for each library.
  probe="" libraries=()
  while read -r kind header library package; do
    [ "$kind" = "$what" ] || continue
    probe+="#if !__has_include(<$header>)"$'\n'"u2moe-missing the header $header|$package"$'\n'"#endif"$'\n'
    [ "$library" = - ] || libraries+=("$library|$package")
  done <<<"$table"
  while read -r line; do
    missing+=("${line#u2moe-missing }")
  done < <("${compile[@]}" -x c++ -E - <<<"$probe" 2>/dev/null | grep '^u2moe-missing')
  links() { # -lNAME...
    echo 'int main() {}' | "${compile[@]}" -x c++ - "$@" -o "$scratch/probe" 2>/dev/null
  }
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  names=("${libraries[@]%|*}")
  if ! links "${names[@]/#/-l}"; then
    for entry in "${libraries[@]}"; do
      links "-l${entry%|*}" || missing+=("the library lib${entry%|*}|${entry#*|}")
    done
  fi
fi

[ ${#missing[@]} -gt 0 ] || exit 0
for entry in "${missing[@]}"; do
  echo "missing: ${entry%|*} (Debian/Ubuntu package ${entry#*|})"
done >&2
echo "\`make deps\` installs all packages of utils/deps.txt (with root or sudo), then run make again." >&2
exit 1
