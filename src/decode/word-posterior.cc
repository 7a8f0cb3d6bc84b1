#include "decode/word-posterior.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/error.h"
#include "ops/ctc-loss.h"
#include "tensor/context.h"

namespace u2moe {
namespace {

// Where the frames of a token give way to those of the next one.
int32_t Middle(const AlignedToken &token, const AlignedToken &next) {
  return token.end + (next.begin - token.end + 1) / 2;
}

void CheckTokens(ConstView logp, const std::vector<AlignedToken> &tokens) {
  int32_t end = 0;
  for (const AlignedToken &t : tokens) {
    if (t.token < 0 || t.token >= logp.Cols()) {
      throw DataError("token ", t.token, ", but the log-posteriors have ", logp.Cols(), " units");
    }
    if (t.begin < end || t.end <= t.begin || t.end > logp.Rows()) {
      throw DataError("token ", t.token, " in the frames from ", t.begin, " to ", t.end,
                      " after one to ", end, ", of ", logp.Rows(),
                      "; do tokens and log-posteriors belong together?");
    }
    end = t.end;
  }
}

}  // namespace

std::vector<double> CtcWordPosteriors(ConstView logp, const std::vector<AlignedToken> &tokens,
                                      const std::vector<TokenWord> &words, int32_t blank) {
  CheckTokens(logp, tokens);
  const Context ctx;
  std::vector<double> posteriors;
  for (const TokenWord &word : words) {
    if (word.begin < 0 || word.end <= word.begin ||
        word.end > static_cast<int32_t>(tokens.size())) {
      throw DataError("a word of the tokens from ", word.begin, " to ", word.end, ", of ",
                      tokens.size());
    }
    const auto first = static_cast<size_t>(word.begin), end = static_cast<size_t>(word.end);
    const int64_t from = first > 0 ? Middle(tokens[first - 1], tokens[first]) : 0;
    const int64_t to = end < tokens.size() ? Middle(tokens[end - 1], tokens[end]) : logp.Rows();
    std::vector<int32_t> labels;
    for (size_t i = first; i < end; ++i) labels.push_back(tokens[i].token);
    const double loss = CtcLoss(ctx, logp.RowRange(from, to - from), labels, blank, 1, View());
    posteriors.push_back(std::clamp(std::exp(-loss), 0.0, 1.0));
  }
  return posteriors;
}

}  // namespace u2moe
