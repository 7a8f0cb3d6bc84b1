#ifndef U2MOE_LAB_ASSIGNMENT_H_
#define U2MOE_LAB_ASSIGNMENT_H_

#include <cstdint>
#include <vector>

#include "tensor/view.h"

namespace u2moe {

// The permutation p for which the sum over rows i of score(i, p[i]) is largest; score [N, N] must
// be finite. The Hungarian method with shortest augmenting paths (Jonker and Volgenant 1987),
// O(N^3) in time and N^2 in memory; of equal sums always the same one.
std::vector<int64_t> BestAssignment(ConstView score);

}  // namespace u2moe

#endif  // U2MOE_LAB_ASSIGNMENT_H_
