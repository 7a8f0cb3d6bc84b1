// How much one discrete variable tells of another, from counts.
#ifndef U2MOE_LAB_MUTUAL_INFORMATION_H_
#define U2MOE_LAB_MUTUAL_INFORMATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace u2moe {

// Counts of pairs (a, b), a below a fixed number, b any. All results are in bits, 0 without counts.
class JointCounts {
 public:
  explicit JointCounts(size_t num_a = 0) : num_a_(num_a) {}

  void Add(size_t a, size_t b, int64_t n = 1);
  int64_t Total() const { return total_; }

  double EntropyA() const;
  double EntropyB() const;
  // Of the shares as they were counted: the largest likelihood, which is too large by about
  // (A - 1)(B - 1) / (2 n ln 2) bits where a and b are independent.
  double MutualInformation() const;
  // With the correction of Miller and Madow (1955) in each of the three entropies: + (m - 1) / 2n
  // nats, m: values that occur. It takes counts for independent draws, so where successive ones
  // resemble one another it corrects too little. May be below 0.
  double CorrectedInformation() const;
  // 2 I(a; b) / (H(a) + H(b)), from 0 to 1; 0 where neither varies. Does not depend on names.
  double NormalisedInformation() const;

 private:
  std::vector<int64_t> SumsA() const;
  std::vector<int64_t> SumsB() const;

  size_t num_a_;
  int64_t total_ = 0;
  std::vector<int64_t> cells_;  // [B * A]
};

}  // namespace u2moe

#endif  // U2MOE_LAB_MUTUAL_INFORMATION_H_
