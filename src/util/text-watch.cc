#include "util/text-watch.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Nothing to tell of: printable ASCII and tabs.
bool IsPlain(std::string_view s) {
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; });
}

}  // namespace

void Sightings::Add(const std::string &what, const std::string &utterance) {
  if (++seen_[what] == 1) order_.emplace_back(what, utterance);
}

void Sightings::Log(const std::string &table, const std::string &consequence, bool warn) const {
  constexpr size_t kShown = 20;
  const auto say = [&](const std::string &text) {
    if (warn) {
      LOG_WARN << text;
    } else {
      LOG_INFO << text;
    }
  };
  for (size_t i = 0; i < order_.size() && i < kShown; ++i) {
    const int64_t n = seen_.at(order_[i].first);
    say(Cat(table, ": ", order_[i].first, " ", consequence, " ", n, n == 1 ? " time" : " times",
            n == 1 ? ", in" : ", first in", " utterance ", Printable(order_[i].second, 200)));
  }
  if (order_.size() > kShown) {
    say(Cat(table, ": and ", order_.size() - kShown, " others: ", consequence));
  }
}

void TextWatch::Look(const std::string &key, std::string_view line) {
  if (!IsPlain(key)) {
    const std::string bad = KeyProblem(key);
    if (!bad.empty()) keys_.Add(bad, key);
  }
  if (IsPlain(line)) return;
  for (size_t i = 0; i < line.size();) {
    const int32_t decoded = NextCodePoint(line, &i);
    if (decoded < 0 || decoded == ' ' || decoded == '\t') continue;
    const uint32_t c = static_cast<uint32_t>(decoded);
    if (IsWhiteSpace(c)) {
      spaces_.Add(CodePointName(c), key);
    } else if (IsInvisible(c)) {
      invisible_.Add(CodePointName(c), key);
    }
  }
}

void TextWatch::Report() const {
  keys_.Log(table_, "in the key, which ends only at a space or tab:", true);
  invisible_.Log(table_,
                 "is invisible, so that words which look the same differ; remove it:", true);
  spaces_.Log(table_, "separates words, as a space does:", false);
}

}  // namespace u2moe
