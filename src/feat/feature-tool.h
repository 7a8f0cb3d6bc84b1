// All options of compute-fbank-feats or compute-mfcc-feats, in one place: for the tool itself, and
// for whoever reads its configuration.
#ifndef U2MOE_FEAT_FEATURE_TOOL_H_
#define U2MOE_FEAT_FEATURE_TOOL_H_

#include <map>
#include <string>

#include "feat/compute-feats.h"
#include "feat/fbank.h"
#include "feat/live-features.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

// ExtractorOptions: FbankOptions or MfccOptions.
template <class ExtractorOptions>
struct FeatureTool {
  ExtractorOptions extractor;
  ComputeFeatsOptions opts;
  LiveOptions live;
  SpeedReport speed;
  UtteranceTally tally;

  explicit FeatureTool(OptionParser *po) : speed(RegisterOthers(po)), tally(po) {}
  void Check(const OptionParser &po) const {  // throws UsageError
    extractor.Check();
    opts.Check();
    live.Check(po);
  }

 private:
  OptionParser *RegisterOthers(OptionParser *po) {  // those that --help names first
    extractor.Register(po);
    extractor.mel.vtln.Register(po);
    opts.Register(po);
    live.Register(po);
    return po;
  }
};

// Reads a configuration of compute-fbank-feats and returns, as option and value, what the features
// are made with; decoding adds no dither. What concerns files, threads and the log is checked and
// passed over. Throws UsageError, naming the file, for what the tool would refuse.
std::map<std::string, std::string> ReadFbankConfig(const std::string &path);

// The way back, from what a model stores (ModelInfo::features): the options of Fbank and of
// LiveFeatures. Options that are absent have their defaults, but for the dither, which is 0. Throws
// DataError if there is none at all, for one that is unknown or bad, and for what frames by
// themselves do not have: the mean of an utterance subtracted, a speaker's warp.
FbankOptions FbankOptionsOf(const std::map<std::string, std::string> &features);

}  // namespace u2moe

#endif  // U2MOE_FEAT_FEATURE_TOOL_H_
