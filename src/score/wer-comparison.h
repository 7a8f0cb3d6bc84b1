// Other hypotheses for the same references, each compared with the first.
#ifndef U2MOE_SCORE_WER_COMPARISON_H_
#define U2MOE_SCORE_WER_COMPARISON_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "score/bootstrap.h"
#include "score/matched-pairs.h"
#include "score/wer.h"

namespace u2moe {

struct WerComparison {
  std::string name;           // where the hypothesis came from
  WerResult result;           // with its alignment
  BootstrapResult bootstrap;  // paired: of the first result and this one
  MatchedPairs matched;
  // p-values by Holm's correction over all comparisons with the first; equal to the plain ones
  // where there is one comparison.
  double bootstrap_p_holm = 1, matched_p_holm = 1;
};

// Two-sided p-value of the bootstrap: twice the smaller share of draws in which one of the two is
// not better, ties counting half, and with one draw more, so that it is never 0.
double BootstrapP(const BootstrapResult &bootstrap);

// Fills bootstrap, matched and the corrected p-values of `others`, whose name and result are given;
// draws and seed as of Bootstrap, utt2spk as of BootstrapUnits, with what they throw.
void CompareSystems(const WerResult &first,
                    const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
                    uint64_t seed, std::vector<WerComparison> *others);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_COMPARISON_H_
