#ifndef U2MOE_UTIL_TALLY_H_
#define U2MOE_UTIL_TALLY_H_

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"
#include "util/options.h"

namespace u2moe {

// Counts utterances done and failed, and decides the exit status of a tool. A DataError of one
// utterance is warned about with its key, counted and skipped; any other error ends the program.
//
//   UtteranceTally tally(&po);      // registers --max-failures; construct before po.Parse
//   for (; !reader.Done(); reader.Next()) tally.Try(reader, [&] { ... });
//   return tally.Finish();
class UtteranceTally {
 public:
  explicit UtteranceTally(OptionParser *po);
  UtteranceTally(const UtteranceTally &) = delete;
  UtteranceTally &operator=(const UtteranceTally &) = delete;

  // Runs fn(); returns whether it ended without a DataError.
  template <class Fn>
  bool Try(const std::string &key, Fn fn) {
    try {
      fn();
    } catch (const DataError &e) {
      Fail(key, e.what());
      return false;
    }
    ++num_done_;
    return true;
  }

  // The same for the entry a table reader stands on. A failure after reading is told with the place
  // that the value came from.
  template <class Reader, class Fn, class = decltype(std::declval<const Reader &>().Where())>
  bool Try(const Reader &reader, Fn fn) {
    return Try(reader.Key(), [&] {
      try {
        fn();
      } catch (const DataError &e) {
        throw DataError(WithPlace(reader.Where(), e.what()));
      }
    });
  }

  // "place: cause", or only the cause if that names the place already or there is no place.
  static std::string WithPlace(const std::string &place, const std::string &cause);

  void Fail(const std::string &key, const std::string &cause);
  void CountDone() { ++num_done_; }
  int64_t NumDone() const { return num_done_; }
  int64_t NumFailed() const { return num_failed_; }

  // Logs "Done N utterances, M failed." and returns the exit status: 0 if the failures are within
  // --max-failures (a count, or a percentage as "5%"), else 1. No utterance at all is a failure.
  int Finish(const std::string &what = "utterances") const;

 private:
  int64_t num_done_ = 0, num_failed_ = 0;
  std::string max_failures_ = "0";
};

}  // namespace u2moe

#endif  // U2MOE_UTIL_TALLY_H_
