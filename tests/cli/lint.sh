# tests/lint/lint.sh: every rule finds its violation in a small tree, and nothing in a clean one.
. "$(dirname "$0")/../support/cli.sh"

tree=$tmp/tree
mkdir -p "$tree"/{bin,src/base,src/util,src/ops,src/tensor,tests/lint,tests/cli,utils}
cp "$root/tests/lint/lint.sh" "$root/tests/lint/include-order.txt" "$tree/tests/lint"
cp "$root/.clang-format" "$tree"
cat >"$tree/src/base/good.h" <<'END'
#ifndef U2MOE_BASE_GOOD_H_
#define U2MOE_BASE_GOOD_H_
#endif  // U2MOE_BASE_GOOD_H_
END
printf '#include "base/good.h"\n\nint main() { return 0; }\n' >"$tree/bin/good-tool.cc"
echo '| `good-tool` | is good |' >"$tree/README.md"
printf '# runs good-tool\n. "$(dirname "$0")/../support/cli.sh"\n' >"$tree/tests/cli/good-tool.sh"
check "a clean tree has no finding" "$tree/tests/lint/lint.sh"

# finds NAME 'file:line: text': lint reports it and fails; then the tree is made clean again.
finds() {
  local name=$1 want=$2 file=$tree/${2%%:*} output status=0
  output=$("$tree/tests/lint/lint.sh" 2>&1) || status=$?
  check_equal "$name" "status $status, $(grep -cF -e "$want" <<<"$output") found" "status 1, 1 found"
  [ "$(grep -cF -e "$want" <<<"$output")" = 1 ] || echo "$output"
  rm "$file"
}
with_guard() { printf '#ifndef U2MOE_%s_\n#define U2MOE_%s_\n%s\n#endif\n' "$1" "$1" "$2"; }

with_guard BASE_BAD_H '#include "util/options.h"' >"$tree/src/base/bad.h"
finds "include order" "src/base/bad.h:3: base may not include util"
with_guard BASE_BAD_H '#include "rng.h"' >"$tree/src/base/bad.h"
finds "includes from src/" "src/base/bad.h:3: includes are written from src/"
with_guard WRONG_H 'int x;' >"$tree/src/base/bad.h"
finds "header guard" "src/base/bad.h:1: the header guard must be U2MOE_BASE_BAD_H_"
with_guard UTIL_BAD_H '#include <boost/program_options.hpp>' >"$tree/src/util/bad.h"
finds "heavy header" "src/util/bad.h:3: heavy header"
printf '#include "ops/ref/softmax.h"\n' >"$tree/src/ops/bad.cc"
finds "references in the library" "src/ops/bad.cc:1: references are for tests only"
printf '#if HAVE_CUDA\nint x;\n#endif\n' >"$tree/src/tensor/bad.cc"
finds "CUDA condition" "src/tensor/bad.cc:1: a CUDA condition outside ops/dispatch.h"
mkdir "$tree/src/attic" && echo 'int x;' >"$tree/src/attic/bad.cc"
finds "unknown folder" "src/attic/bad.cc:1: src/attic is not in tests/lint/include-order.txt"
printf 'namespace u2moe {\nstruct Pair {\n  int a;\n};\n}  // namespace u2moe\n' >"$tree/src/util/twice.cc"
printf 'namespace u2moe {\nnamespace {\nstruct Pair {\n  int b;\n};\n}  // namespace\n}  // namespace u2moe\n' >"$tree/src/util/unnamed.cc"
check "types of one name in unnamed namespaces" "$tree/tests/lint/lint.sh"
printf 'namespace u2moe {\nclass Pair : public X {\n  int c;\n};\n}  // namespace u2moe\n' >"$tree/src/util/twice2.cc"
finds "types of one name" "src/util/twice2.cc:2: a type Pair is in src/util/twice.cc too"
rm "$tree/src/util/twice.cc" "$tree/src/util/unnamed.cc"
yes 'int f();' | head -n 601 >"$tree/src/base/bad.cc"
finds "long file" "src/base/bad.cc:601: longer than 600 lines"
yes 'int f();' | head -n 131 >"$tree/bin/good-tool2.cc"
echo 'good-tool2' | tee "$tree/tests/cli/2.txt" >>"$tree/README.md"
echo ': good-tool2; . support/cli.sh' >"$tree/tests/cli/good-tool2.sh"
finds "long main" "bin/good-tool2.cc:131: longer than 130 lines"
echo 'int main() {}' >"$tree/bin/new-tool.cc"
finds "tool not in README.md" "bin/new-tool.cc:1: new-tool is not in the table of tools"
echo 'int main() {}' >"$tree/bin/new-tool.cc"
finds "tool without a test" "bin/new-tool.cc:1: no test runs new-tool"
printf '// TO%s: later\n' DO >"$tree/src/base/bad.cc"
finds "unfinished work" "src/base/bad.cc:1: unfinished work"
printf 'CXXFLAGS = -march=%s\n' native >"$tree/Makefile"
finds "flags of one machine" "Makefile:1: such a binary"
printf '#!/bin/bash\nif true; then\n' >"$tree/utils/bad.sh"
chmod +x "$tree/utils/bad.sh"
finds "shell syntax" "utils/bad.sh:3: syntax error: unexpected end of file"
printf '#!/bin/bash\ntrue\n' >"$tree/utils/bad.sh"
finds "executable bit" "utils/bad.sh:1: not executable"
head -c 2200000 /dev/zero >"$tree/bad.bin"
finds "large file" "bad.bin:1: larger than 2048 KiB"
touch "$tree/bad.wav"
finds "audio" "bad.wav:1: audio belongs to a corpus"
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
  echo 'int   x;' >"$tree/src/base/bad.cc"
  finds "format" "src/base/bad.cc:1: not in the format"
else
  skip "format" "clang-format 14 is not installed"
fi
