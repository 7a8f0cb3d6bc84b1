#include "pipeline/attention-output.h"

#include "pipeline/nbest-table.h"

namespace u2moe {

AttentionOutput::AttentionOutput(const std::string &tokens, const std::string &scores,
                                 const std::string &components, int32_t nbest)
    : numbered_(nbest > 1), tokens_(tokens) {
  if (!scores.empty()) scores_ = std::make_unique<VectorWriter>(scores);
  if (!components.empty()) components_ = std::make_unique<DoubleVectorWriter>(components);
}

void AttentionOutput::Write(const std::string &utterance,
                            const std::vector<AttentionHypothesis> &nbest) {
  num_cut_ += !nbest[0].ended;
  for (size_t n = 0; n < nbest.size(); ++n) {
    const AttentionHypothesis &h = nbest[n];
    const std::string key = numbered_ ? NbestKey(utterance, n + 1) : utterance;
    tokens_.Write(key, h.tokens);
    if (scores_) scores_->Write(key, {static_cast<float>(h.total)});
    if (components_) components_->Write(key, {h.attention, h.ctc});
  }
}

void AttentionOutput::Close() {
  tokens_.Close();
  if (scores_) scores_->Close();
  if (components_) components_->Close();
}

}  // namespace u2moe
