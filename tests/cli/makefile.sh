#!/usr/bin/env bash
# The Makefile as a newcomer meets it.
. "$(dirname "$0")/../support/cli.sh"
make_plain() { (cd "$root" && env -u BUILD -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u WERROR -u DEBUG -u SANITIZE -u CXXFLAGS make "$@"); }
folder() { make_plain -pn "$@" help 2> /dev/null | sed -n 's/^FLAVOUR := //p'; }

check_equal "a folder of their own for sanitizers" "$(folder SANITIZE=address,undefined)" cpu-address-undefined
check_equal "and for each variant" "$(folder DEBUG=1 WERROR=1)" cpu-debug-werror
make_plain help > "$tmp/help"
for target in all deps test lint format demo bench install clean; do
  check "help names $target" grep -qE "^  $target " "$tmp/help"
done
make_plain CXX=no-such-compiler BUILD="$tmp/build" all > "$tmp/out" 2>&1
check_equal "a missing compiler: what to install, and nothing else" \
  "$(grep -v '^make' "$tmp/out" | sed 's/`make deps`.*/deps/')" \
  $'missing: the compiler no-such-compiler (Debian/Ubuntu package g++)\ndeps'
# The fuzzers are clang's: what g++ finds, they have.
found() { make_plain -pn CXX="$1" help 2> /dev/null | grep -E '^(OPENFST|SENTENCEPIECE) :?= ' | sed 's/ :*= /=/' | sort; }
if command -v clang++ > /dev/null && command -v g++ > /dev/null; then
  check_equal "the same optional packages with clang" "$(found clang++)" "$(found g++)"
else
  skip "optional packages with clang" "not installed"
fi
# Objects are as old as the flags that they were made with.
object() { make_plain BUILD="$tmp/flags" CXXFLAGS="$1" "$tmp/flags/obj/src/base/rng.o" 2>&1 | grep -c ' CXX '; }
if command -v g++ > /dev/null; then
  check_equal "an object is made once" "$(object -O0) $(object -O0)" "1 0"
  check_equal "and anew with other flags" "$(object -O1) $(object -O1)" "1 0"
  : > "$tmp/flags/libu2moe.a"
  rm "$tmp/flags/obj/src/base/rng.o"
  check_equal "a source that came while the library was made is not forgotten" \
    "$(make_plain -n -o "$tmp/flags/.flags" BUILD="$tmp/flags" CXXFLAGS=-O1 "$tmp/flags/libu2moe.a" 2>&1 | grep -c 'CXX  src/base/rng.cc')" 1
else
  skip "objects and flags" "no g++"
fi
