#ifndef U2MOE_TESTS_FUZZ_LATTICE_TARGET_H_
#define U2MOE_TESTS_FUZZ_LATTICE_TARGET_H_

#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

// Lattices, text or binary, one after another, and all that the tools do with one. Without OpenFst
// it does nothing.
void FuzzLattice(std::string_view bytes);
std::vector<std::string> LatticeSeeds();

}  // namespace u2moe

#endif  // U2MOE_TESTS_FUZZ_LATTICE_TARGET_H_
