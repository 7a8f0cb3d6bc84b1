// The three kinds of failure of u2moe. Libraries throw them; U2MOE_MAIN (base/main.h) maps them to
// exit codes: UsageError 2, everything else 1. A loop over utterances catches DataError, counts it
// and goes on (util/tally.h).
#ifndef U2MOE_BASE_ERROR_H_
#define U2MOE_BASE_ERROR_H_

#include <sstream>
#include <stdexcept>
#include <string>

namespace u2moe {

// Joins its arguments as operator<< prints them: Cat("row ", 3) == "row 3".
template <class... Args>
std::string Cat(const Args &...args) {
  std::ostringstream os;
  (os << ... << args);
  return os.str();
}

// Base of all errors of u2moe. what() carries the whole message.
class Error : public std::runtime_error {
 public:
  template <class... Args>
  explicit Error(const Args &...args) : std::runtime_error(Cat(args...)) {}
};

// The command line or a configuration file is wrong: exit status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A file or an utterance is bad. The message names the file or key, the cause and the remedy.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_ERROR_H_
