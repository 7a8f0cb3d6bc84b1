#include "table/live-piece.h"

#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr size_t kDigits = 8;  // at least

}  // namespace

std::string LivePiece::Key() const {
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, "-%0*lld+", static_cast<int>(kDigits),
                static_cast<long long>(number));
  return utterance + suffix;
}

std::optional<LivePiece> LivePiece::Parse(const std::string &key) {
  const size_t dash = key.rfind('-');
  if (dash == key.npos || dash == 0 || key.back() != '+') return std::nullopt;
  const std::string_view digits = std::string_view(key).substr(dash + 1, key.size() - dash - 2);
  LivePiece piece{key.substr(0, dash), 0};
  if (digits.size() < kDigits || digits.find_first_not_of("0123456789") != digits.npos ||
      !ParseNumber(digits, &piece.number)) {
    return std::nullopt;
  }
  return piece;
}

void RefuseLivePiece(const std::string &key) {
  const std::optional<LivePiece> piece = LivePiece::Parse(key);
  if (!piece) return;
  throw Error("'", key, "' is a piece of the live recording '", piece->utterance,
              "', but this tool needs whole utterances; compute the features without "
              "--online-frames, or hand the pieces to nnet-forward, which joins them");
}

}  // namespace u2moe
