# Sourced by tests of recipes: a clone under a path with a space, and speech from espeak-ng.
#
#   make_clone                     prints a folder with copies of egs/* (what git knows of them), utils and the tools
#   speak <voice> <text> <file> [<sox options>]   one recording; its format follows from the file's name
# shellcheck shell=bash disable=SC2154  # tests/support/cli.sh is sourced before

make_clone() {
  local clone="$tmp/a clone" name
  mkdir -p "$clone/build" "$clone/egs"
  for name in "$root"/egs/*/; do
    name=$(basename "$name")
    mkdir -p "$clone/egs/$name"
    (cd "$root/egs/$name" && tar -cf - --exclude=./data --exclude=./dump --exclude=./exp --exclude=./out \
      --exclude=./corpus .) | tar -xf - -C "$clone/egs/$name"
  done
  cp -a "$root/utils" "$clone"
  ln -s "$BUILD" "$clone/build/cpu"
  echo "$clone"
}
speak() {
  local voice=$1 text=$2 file=$3
  shift 3
  espeak-ng -b 1 -v "$voice" --stdout -- "$text" | sox -D -t wav --ignore-length - "$@" "$file"
}
