// Log lines on stderr: "LOG (nnet-train) message". stdout is for data only.
#ifndef U2MOE_BASE_LOG_H_
#define U2MOE_BASE_LOG_H_

#include <sstream>
#include <string>

namespace u2moe {

enum class LogLevel { kInfo, kWarning, kError };

// Set once by U2MOE_MAIN: the name printed in every line, e.g. "nnet-train".
void SetProgramName(const std::string &argv0);
const std::string &ProgramName();

// --verbose: VLOG(n) prints when n <= verbosity. Default 0.
void SetVerbosity(int level);
int Verbosity();

namespace internal {

// Writes one whole line in one call, so that lines of several threads never mix.
class LogMessage {
 public:
  explicit LogMessage(LogLevel level) : level_(level) {}
  ~LogMessage();
  std::ostream &stream() { return os_; }

 private:
  LogLevel level_;
  std::ostringstream os_;
};

}  // namespace internal
}  // namespace u2moe

#define LOG_INFO ::u2moe::internal::LogMessage(::u2moe::LogLevel::kInfo).stream()
#define LOG_WARN ::u2moe::internal::LogMessage(::u2moe::LogLevel::kWarning).stream()
#define LOG_ERROR ::u2moe::internal::LogMessage(::u2moe::LogLevel::kError).stream()
#define VLOG(n)                     \
  if (::u2moe::Verbosity() < (n)) { \
  } else /* NOLINT */               \
    LOG_INFO

#endif  // U2MOE_BASE_LOG_H_
