# Sourced by run.sh and local/*: where the tools are; U2MOE_FLAVOUR=cpu-debug takes them from build/cpu-debug.
# shellcheck shell=bash
U2MOE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export U2MOE_ROOT
export PATH=$U2MOE_ROOT/build/${U2MOE_FLAVOUR:-cpu}/bin:$U2MOE_ROOT/utils:$U2MOE_ROOT/utils/steps:$PATH
