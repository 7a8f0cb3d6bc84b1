#!/usr/bin/env bash
# make-bundle.sh DIR PROGRAM...: DIR/bin with the programs and DIR/lib with all libraries that they need but glibc's and
# the GPU driver's, which are the machine's: DIR runs wherever it is put, on an x86-64 Linux with a glibc as new as this
# one, without root and without packages. The programs must have been linked with an RPATH of $ORIGIN/../lib (make bundle).
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "Usage: tools/dev/make-bundle.sh DIR PROGRAM..." >&2
  exit 2
fi
dir=$1
shift
mkdir -p "$dir/bin" "$dir/lib"
# The dynamic loader and what must be of one version with it.
own='^(ld-linux.*|libc|libm|libdl|librt|libpthread|libresolv|libutil|libcuda)\.so'
for program in "$@"; do
  [ "$program" -ef "$dir/bin/${program##*/}" ] || cp "$program" "$dir/bin/"
  strip "$dir/bin/${program##*/}"
done
missing=$(ldd "$dir"/bin/* | awk '/not found/ { print " " $1 }' | sort -u | tr -d "\n")
if [ -n "$missing" ]; then
  echo "make-bundle.sh: these libraries are not found here:$missing" >&2
  exit 1
fi
ldd "$dir"/bin/* | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u | while read -r library; do
  name=${library##*/}
  if [[ $name =~ $own ]] || [ "$library" -ef "$dir/lib/$name" ]; then continue; fi
  cp -L "$library" "$dir/lib/$name"
done
