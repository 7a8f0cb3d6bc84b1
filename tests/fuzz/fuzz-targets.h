// What reads bytes from outside, each as a function of any bytes. A target returns, or throws one
// of the project's errors, for every input; anything else (a crash, another exception, memory or
// time out of proportion to the input) is a defect. fuzz-main.cc hands them to libFuzzer,
// replay-test.cc gives them their seeds, what was found once, and mutations of both.
#ifndef U2MOE_TESTS_FUZZ_FUZZ_TARGETS_H_
#define U2MOE_TESTS_FUZZ_FUZZ_TARGETS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace u2moe {

struct FuzzTarget {
  const char *name;
  void (*run)(std::string_view bytes);
};

// table, script, wave, model, config, nbest, text, options, pieces, norm, arpa, graph, lattice,
// hotwords, ctm, topology.
const std::vector<FuzzTarget> &FuzzTargets();

// Runs the target of that name; the project's errors are what bad input shall give and pass.
void RunFuzzTarget(const std::string &name, std::string_view bytes);

}  // namespace u2moe

#endif  // U2MOE_TESTS_FUZZ_FUZZ_TARGETS_H_
