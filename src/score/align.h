// Minimum edit distance between a reference and a hypothesis, with the alignment that gives it.
#ifndef U2MOE_SCORE_ALIGN_H_
#define U2MOE_SCORE_ALIGN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace u2moe {

// Several alignments can have the same cost, with other numbers of substitutions, deletions and
// insertions. Each rule says which one is taken; both are deterministic.
enum class AlignRule {
  // Costs 1/1/1, as Kaldi's compute-wer: the fewest errors. At equal cost an insertion is preferred
  // to a deletion, and both to a correct word or a substitution, looking from the end.
  kKaldi,
  // Costs 4 (substitution), 3 (deletion), 3 (insertion), as NIST sclite. The total of errors can
  // exceed the edit distance. At equal cost a correct word or substitution is preferred to an
  // insertion,
  // and that to a deletion.
  kSclite,
  // Costs 1/1/1, as Kaldi's align-text: the fewest errors, but at equal cost a correct word or
  // substitution is preferred to a deletion, and that to an insertion, looking from the end.
  kKaldiText,
};

// "kaldi", "sclite" or "kaldi-text"; throws UsageError for others.
AlignRule ParseAlignRule(const std::string &name);

enum class Edit : uint8_t { kCorrect, kSubstitution, kDeletion, kInsertion };

struct EditCounts {
  int64_t correct = 0, substitutions = 0, deletions = 0, insertions = 0;

  int64_t Errors() const { return substitutions + deletions + insertions; }
  int64_t RefLength() const { return correct + substitutions + deletions; }
  EditCounts &operator+=(const EditCounts &other) {
    correct += other.correct;
    substitutions += other.substitutions;
    deletions += other.deletions;
    insertions += other.insertions;
    return *this;
  }
  bool operator==(const EditCounts &o) const {
    return correct == o.correct && substitutions == o.substitutions && deletions == o.deletions &&
           insertions == o.insertions;
  }
};

// Keeps its workspace between calls; one per thread.
class Aligner {
 public:
  explicit Aligner(AlignRule rule) : rule_(rule) {}

  // Aligns sequences of words that were numbered so that equal numbers mean equal words. If edits
  // is given, it becomes the alignment, from the beginning: counting its entries gives the result.
  // Takes (ref + 1) * (hyp + 1) bytes; throws DataError where that exceeds 4 GiB.
  EditCounts Align(const std::vector<int32_t> &ref, const std::vector<int32_t> &hyp,
                   std::vector<Edit> *edits = nullptr);

 private:
  template <AlignRule rule>
  void Fill(const std::vector<int32_t> &ref, const std::vector<int32_t> &hyp);

  AlignRule rule_;
  std::vector<int32_t> costs_;
  std::vector<uint8_t> moves_;  // [hyp + 1, ref + 1], how each cell was reached
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_ALIGN_H_
