#include "score/align.h"

#include <algorithm>

#include "base/error.h"

namespace u2moe {
namespace {

enum Move : uint8_t { kDiagonal, kDelete, kInsert };  // one of both, of ref only, of hyp only

template <AlignRule rule>
struct Costs {
  static constexpr int32_t kSubstitute = rule == AlignRule::kSclite ? 4 : 1;
  static constexpr int32_t kDelete = rule == AlignRule::kSclite ? 3 : 1;
  static constexpr int32_t kInsert = rule == AlignRule::kSclite ? 3 : 1;
};

}  // namespace

AlignRule ParseAlignRule(const std::string &name) {
  if (name == "kaldi") return AlignRule::kKaldi;
  if (name == "sclite") return AlignRule::kSclite;
  if (name == "kaldi-text") return AlignRule::kKaldiText;
  throw UsageError("--align=", name, ": unknown; known rules are kaldi, sclite, kaldi-text");
}

template <AlignRule rule>
void Aligner::Fill(const std::vector<int32_t> &ref, const std::vector<int32_t> &hyp) {
  using C = Costs<rule>;
  const size_t cols = ref.size() + 1;
  costs_.resize(cols);
  moves_.resize(cols * (hyp.size() + 1));
  for (size_t j = 0; j < cols; ++j) {
    costs_[j] = static_cast<int32_t>(j) * C::kDelete;
    moves_[j] = kDelete;
  }
  int32_t *cost = costs_.data();
  for (size_t i = 1; i <= hyp.size(); ++i) {
    uint8_t *moves = moves_.data() + i * cols;
    const int32_t word = hyp[i - 1];
    int32_t above_left = cost[0];
    int32_t left = cost[0] = above_left + C::kInsert;
    moves[0] = kInsert;
    for (size_t j = 1; j < cols; ++j) {
      const int32_t diagonal = above_left + (ref[j - 1] == word ? 0 : C::kSubstitute);
      const int32_t insertion = cost[j] + C::kInsert;
      const int32_t deletion = left + C::kDelete;
      above_left = cost[j];
      int32_t best;
      uint8_t move;
      if (rule == AlignRule::kKaldi) {
        best = insertion;
        move = kInsert;
        if (deletion < best) best = deletion, move = kDelete;
        if (diagonal < best) best = diagonal, move = kDiagonal;
      } else {
        best = diagonal;
        move = kDiagonal;
        if (rule == AlignRule::kKaldiText && deletion < best) best = deletion, move = kDelete;
        if (insertion < best) best = insertion, move = kInsert;
        if (rule == AlignRule::kSclite && deletion < best) best = deletion, move = kDelete;
      }
      left = cost[j] = best;
      moves[j] = move;
    }
  }
}

EditCounts Aligner::Align(const std::vector<int32_t> &ref, const std::vector<int32_t> &hyp,
                          std::vector<Edit> *edits) {
  constexpr double kMaxBytes = 4.0 * 1024 * 1024 * 1024;
  if ((ref.size() + 1.0) * (hyp.size() + 1.0) > kMaxBytes) {
    throw DataError("reference of ", ref.size(), " and hypothesis of ", hyp.size(),
                    " units are too long to align; split them into utterances");
  }
  if (rule_ == AlignRule::kKaldi) {
    Fill<AlignRule::kKaldi>(ref, hyp);
  } else if (rule_ == AlignRule::kKaldiText) {
    Fill<AlignRule::kKaldiText>(ref, hyp);
  } else {
    Fill<AlignRule::kSclite>(ref, hyp);
  }
  if (edits) edits->clear();
  EditCounts counts;
  const size_t cols = ref.size() + 1;
  for (size_t i = hyp.size(), j = ref.size(); i > 0 || j > 0;) {
    Edit edit;
    switch (moves_[i * cols + j]) {
      case kDiagonal:
        --i, --j;
        edit = ref[j] == hyp[i] ? Edit::kCorrect : Edit::kSubstitution;
        ++(edit == Edit::kCorrect ? counts.correct : counts.substitutions);
        break;
      case kDelete:
        --j;
        edit = Edit::kDeletion;
        ++counts.deletions;
        break;
      default:
        --i;
        edit = Edit::kInsertion;
        ++counts.insertions;
    }
    if (edits) edits->push_back(edit);
  }
  if (edits) std::reverse(edits->begin(), edits->end());
  return counts;
}

}  // namespace u2moe
