// Where fuzzing starts: a few small valid inputs of each target, made by the writers of the tools.
#ifndef U2MOE_TESTS_FUZZ_FUZZ_SEEDS_H_
#define U2MOE_TESTS_FUZZ_FUZZ_SEEDS_H_

#include <string>
#include <vector>

namespace u2moe {

std::vector<std::string> FuzzSeeds(const std::string &target);

}  // namespace u2moe

#endif  // U2MOE_TESTS_FUZZ_FUZZ_SEEDS_H_
