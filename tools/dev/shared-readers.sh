#!/usr/bin/env bash
# shared-readers.sh: the tests that look for something in ../shared, as run-tests.sh names them, one a line. For all others it is the
# same whether it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
grep -lE 'golden_path|Golden|shared\/|Shared|Fsdd|\$\{?(golden|shared|fsdd)' tests/cli/*.sh tests/*/*-test.cc | sed 's/\.cc$//'
