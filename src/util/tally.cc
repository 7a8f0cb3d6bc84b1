#include "util/tally.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/log.h"

namespace u2moe {

namespace {

// "3" is {3, false}, "5%" is {5, true}.
std::pair<double, bool> ParseMaxFailures(const std::string &text) {
  char *end = nullptr;
  const double limit = std::strtod(text.c_str(), &end);
  const bool percent = std::string(end) == "%";
  if (end == text.c_str() || (*end && !percent) || !(limit >= 0)) {
    throw UsageError("--max-failures=", text, ": expected a count or a percentage like 5%");
  }
  return {limit, percent};
}

}  // namespace

UtteranceTally::UtteranceTally(OptionParser *po) {
  po->Register(
      "max-failures", &max_failures_,
      "how many utterances may fail before the exit status is 1: a count, or a share like 5%");
  po->AddCheck([this] { ParseMaxFailures(max_failures_); });
}

std::string UtteranceTally::WithPlace(const std::string &place, const std::string &cause) {
  return cause.compare(0, place.size(), place) == 0 ? cause : place + ": " + cause;
}

void UtteranceTally::Fail(const std::string &key, const std::string &cause) {
  ++num_failed_;
  LOG_WARN << "utterance " << key << ": " << cause;
}

int UtteranceTally::Finish(const std::string &what) const {
  auto [limit, percent] = ParseMaxFailures(max_failures_);
  const int64_t total = num_done_ + num_failed_;
  if (percent) limit = std::floor(limit * static_cast<double>(total) / 100);
  LOG_INFO << "Done " << num_done_ << " " << what << ", " << num_failed_ << " failed.";
  if (total == 0) {
    LOG_ERROR << "no " << what
              << " in the input; check that the file before this step is not empty";
    return 1;
  }
  if (static_cast<double>(num_failed_) <= limit) return 0;
  LOG_ERROR << num_failed_ << " of " << total << " " << what
            << " failed, and --max-failures=" << max_failures_ << " allows " << limit
            << ": see the warnings above; --max-failures=" << num_failed_ << " would let this pass";
  return 1;
}

}  // namespace u2moe
