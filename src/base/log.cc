#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <new>

namespace u2moe {
namespace {

std::string &Name() {
  static std::string name = "u2moe";
  return name;
}

std::atomic<int> verbosity{0};

}  // namespace

void SetProgramName(const std::string &argv0) { Name() = argv0.substr(argv0.rfind('/') + 1); }
const std::string &ProgramName() { return Name(); }
void SetVerbosity(int level) { verbosity = level; }
int Verbosity() { return verbosity; }

namespace internal {

LogMessage::~LogMessage() {
  const char *tag = level_ == LogLevel::kInfo      ? "LOG"
                    : level_ == LogLevel::kWarning ? "WARNING"
                                                   : "ERROR";
  try {
    std::string line = std::string(tag) + " (" + ProgramName() + ") " + os_.str() + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (const std::bad_alloc &) {  // a destructor must not throw; the tag is better than nothing
    std::fputs(tag, stderr);
    std::fputc('\n', stderr);
  }
}

}  // namespace internal
}  // namespace u2moe
