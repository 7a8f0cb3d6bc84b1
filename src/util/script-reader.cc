#include "util/script-reader.h"

#include <functional>
#include <string_view>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace internal {

ScriptReader::ScriptReader(const Rspecifier &spec)
    : input_(spec.rxfilename), sorted_(spec.sorted) {}

bool ScriptReader::Next(ScriptEntry *entry) {
  if (line_ == 0) input_.SkipByteOrderMark();
  std::string text;
  while (std::getline(input_.Stream(), text)) {
    ++line_;
    const std::string_view line = Trim(text);
    if (line.empty()) continue;
    if (line_ > 1) RefuseByteOrderMark(line, [&] { return Cat(input_.Name(), ":", line_); });
    size_t end = 0;
    while (end < line.size() && !IsSpace(line[end])) ++end;
    const auto fail = [&](const std::string &cause) {
      throw Error(input_.Name(), ":", line_, ": ", cause);
    };
    entry->key = line.substr(0, end);
    entry->xfilename = Trim(line.substr(end));
    entry->range.clear();
    entry->line = line_;
    if (line.find('\0') != line.npos) {
      fail("not a script file: '" + Printable(entry->key) +
           "' is followed by binary data; if it is an archive, write ark: instead of scp:");
    }
    if (entry->xfilename.empty()) {
      fail("expected a key and a file, found only '" + Printable(line) + "'");
    }
    if (entry->xfilename[0] == '[') {
      fail("key '" + Printable(entry->key) +
           "' is followed by numbers; if this is an archive, write ark: instead of scp:");
    }
    if (entry->xfilename.back() == ']') {
      const size_t bracket = entry->xfilename.rfind('[');
      if (bracket == std::string::npos) fail("']' without '[' in '" + entry->xfilename + "'");
      entry->range = entry->xfilename.substr(bracket + 1, entry->xfilename.size() - bracket - 2);
      entry->xfilename.resize(bracket);
      if (entry->range.empty()) fail("an empty range [] after '" + entry->xfilename + "'");
      if (entry->xfilename.empty()) fail("a range without a file before it");
    }
    if (sorted_ && line_ > 1 && entry->key <= previous_key_) {
      fail("key '" + entry->key + "' after '" + previous_key_ +
           "' is not sorted, as option s promises; sort with LC_ALL=C sort, or drop the s");
    }
    previous_key_ = entry->key;
    entry->earlier_line = 0;
    if (!sorted_) {
      const auto [it, is_new] = lines_.emplace(std::hash<std::string>()(entry->key), line_);
      if (!is_new) entry->earlier_line = it->second;
    }
    return true;
  }
  input_.Close();
  return false;
}

}  // namespace internal
}  // namespace u2moe
