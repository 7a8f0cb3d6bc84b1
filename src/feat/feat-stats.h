// What features look like: mean, deviation, range, and how many values are no numbers or silence.
#ifndef U2MOE_FEAT_FEAT_STATS_H_
#define U2MOE_FEAT_FEAT_STATS_H_

#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

// Of a set of numbers. Mean, variance and range are those of the finite ones.
struct ValueStats {
  int64_t num_finite = 0, num_nan = 0, num_inf = 0, num_silent = 0;
  double mean = 0, squares = 0;  // squares: the sum of (x - mean)^2
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();

  // x counts as silent if it is finite and at most silence_threshold.
  void Add(float x, float silence_threshold);
  // As if the numbers of other had been added too, up to rounding.
  void Add(const ValueStats &other);

  int64_t Count() const { return num_finite + num_nan + num_inf; }
  double Variance() const { return num_finite > 0 ? squares / static_cast<double>(num_finite) : 0; }
};

struct FeatStatsOptions {
  float silence_threshold = -15;
  bool per_utterance = false;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError
};

class FeatStats {
 public:
  explicit FeatStats(const FeatStatsOptions &opts) : opts_(opts) {}

  // feats [T, D]. Throws DataError, with nothing counted, if it is empty or D differs from the
  // utterances before.
  void AddUtterance(const std::string &key, ConstView feats);

  struct Utterance {
    int64_t num_frames = 0, num_silent_frames = 0;  // silent: all its values are
    ValueStats values;                              // of all dimensions
  };

  int64_t NumUtterances() const { return num_utterances_; }
  const std::vector<ValueStats> &Dimensions() const { return dims_; }
  const Utterance &Total() const { return total_; }
  // In the order they came; empty without per_utterance.
  const std::vector<std::pair<std::string, Utterance>> &Utterances() const { return utterances_; }

  // A table for people, or one JSON object.
  void WriteText(std::ostream &os) const;
  void WriteJson(std::ostream &os) const;

 private:
  FeatStatsOptions opts_;
  int64_t num_utterances_ = 0;
  std::vector<ValueStats> dims_;
  Utterance total_;
  std::vector<std::pair<std::string, Utterance>> utterances_;  // with opts_.per_utterance
};

}  // namespace u2moe

#endif  // U2MOE_FEAT_FEAT_STATS_H_
