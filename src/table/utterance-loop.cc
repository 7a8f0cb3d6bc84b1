#include "table/utterance-loop.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "table/table.h"

namespace u2moe {

void ThreadOptions::Register(OptionParser *po, const std::string &option) {
  name = option;
  po->Register(name, &threads, "utterances computed at once; the results do not depend on it");
}

void ThreadOptions::RegisterOps(OptionParser *po) {
  po->Register(
      "op-threads", &op_threads,
      "threads that share the large products of one utterance or stream, for less latency; "
      "the results do not depend on it");
}

void ThreadOptions::Check() const {
  if (op_threads < 1 || op_threads > 1024)
    throw UsageError("--op-threads=", op_threads, ": must be from 1 to 1024");
  if (threads < 1 || threads > 1024) {
    throw UsageError("--", name, "=", threads, ": must be from 1 to 1024");
  }
}

int64_t CountEntries(const std::string &rspecifier) {
  const Rspecifier spec = ParseRspecifier(rspecifier);
  std::error_code error;
  if (!spec.is_script || !std::filesystem::is_regular_file(spec.rxfilename, error)) return 0;
  std::ifstream file(spec.rxfilename, std::ios::binary);
  return std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n');
}

}  // namespace u2moe
