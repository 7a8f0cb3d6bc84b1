// From which first gate on each mixture of a model works with its first expert alone: thresholds
// chosen on data, for moe-calibrate.
#ifndef U2MOE_LAB_CALIBRATE_EXPERTS_H_
#define U2MOE_LAB_CALIBRATE_EXPERTS_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "model/asr-model.h"

namespace u2moe {

class OptionParser;

enum class SkipCriterion { kChange, kQuantile, kGate };

struct CalibrateOptions {
  float skip = 0.75f;
  std::string criterion = "quantile";

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
  SkipCriterion Criterion() const;
};

// What is known of a row of a mixture: the gate of its first expert, and |y - y'|^2 for the output
// y and what the first expert alone would make of the row.
struct SkipCandidate {
  float gate;
  double cost;
};

struct SkipThreshold {
  float gate = 2;    // rows with a first gate from here on are skipped; 2: none
  double share = 0;  // of the mixture's rows
  double cost = 0;   // sum over the rows skipped, over that of all its rows; 0 where that is 0
};

// Thresholds for several mixtures such that the share `skip` of all their rows lies at or above
// them, as nearly as equal gates and whole rows let it:
// - kQuantile: the same share in each mixture;
// - kGate: the same threshold for each;
// - kChange: the sum of the costs of the rows skipped is as small as thresholds can make it, but
//   for the last step (greedy on the lower convex hulls of cost over rows skipped, in falling order
//   of gate).
std::vector<SkipThreshold> ChooseSkipThresholds(
    SkipCriterion criterion, double skip, const std::vector<std::vector<SkipCandidate>> &mixtures);

// Gathers the candidates of a model's mixtures: 16 bytes per row and mixture.
class ExpertCalibrator {
 public:
  // model must outlive this, have weights that are not packed, and a plain policy. Throws
  // UsageError where no mixture has a second expert per frame, or where the gates of one do not say
  // how much that would be missed: they average, are all alike, or weigh nothing.
  explicit ExpertCalibrator(const AsrModel &model);

  // tokens: null, or what the decoders are fed. Throws DataError and adds nothing for what
  // RouteReport::AddUtterance refuses.
  void AddUtterance(const Context &ctx, ConstView feats, const AttentionMask &mask,
                    const std::vector<int32_t> *tokens);
  // Sets the skip thresholds of the encoder and, where there were tokens, of the decoders, each of
  // the three by itself; writes a table of them.
  void Calibrate(const CalibrateOptions &opts, ExpertPolicy *policy, std::ostream &table) const;

 private:
  const AsrModel &model_;
  std::vector<std::vector<SkipCandidate>> encoder_, left_, right_;  // by mixture
};

}  // namespace u2moe

#endif  // U2MOE_LAB_CALIBRATE_EXPERTS_H_
