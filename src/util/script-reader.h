// Script files (scp): lines of "key xfilename", with a range or not. See util/table-specifier.h.
#ifndef U2MOE_UTIL_SCRIPT_READER_H_
#define U2MOE_UTIL_SCRIPT_READER_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "util/io.h"
#include "util/table-specifier.h"

namespace u2moe {
namespace internal {

struct ScriptEntry {
  std::string key, xfilename, range;
  int64_t line = 0;
  int64_t earlier_line = 0;  // where the same key stands too; 0: nowhere
};

// The lines "key xfilename" of a script file, one after another.
class ScriptReader {
 public:
  explicit ScriptReader(const Rspecifier &spec);
  bool Next(ScriptEntry *entry);  // false at the end, where a pipe's status has been checked
  const std::string &Name() const { return input_.Name(); }
  void Close() { input_.Close(); }

 private:
  Input input_;
  bool sorted_;
  std::string previous_key_;
  int64_t line_ = 0;
  std::unordered_map<size_t, int64_t> lines_;  // by the key's hash; not needed if sorted
};

}  // namespace internal
}  // namespace u2moe

#endif  // U2MOE_UTIL_SCRIPT_READER_H_
