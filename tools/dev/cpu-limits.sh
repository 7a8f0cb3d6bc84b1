#!/usr/bin/env bash
# cpu-limits.sh: prints the values of U2MOE_CPU that this machine has the instructions for, the least first.
set -euo pipefail
flags=" $(grep -m 1 '^flags' /proc/cpuinfo | cut -d : -f 2) "
has() {
  local flag
  for flag in "$@"; do [[ $flags == *" $flag "* ]] || return 1; done
}
limits=avx2
if has avx512f avx512vl avx512dq avx512bw avx512cd; then limits+=" avx512"; fi
if has amx_tile amx_int8; then limits+=" amx"; fi
echo "$limits"
