#include "feat/feature-tool.h"

#include "base/error.h"
#include "util/text.h"

namespace u2moe {

std::map<std::string, std::string> ReadFbankConfig(const std::string &path) {
  OptionParser po("");
  FeatureTool<FbankOptions> tool(&po);
  po.ReadForeignConfig(path);
  try {
    tool.Check(po);
  } catch (const UsageError &e) {
    throw UsageError(path, ": ", e.what());
  }
  tool.extractor.frame.dither = 0;
  std::map<std::string, std::string> features;
  for (const std::string &option : SplitFields(tool.extractor.ToString())) {
    const size_t eq = option.find('=');
    features[option.substr(0, eq)] = option.substr(eq + 1);
  }
  // Rare, so that most models do without a word about them.
  if (tool.opts.subtract_mean) features["subtract-mean"] = "true";
  if (tool.opts.vtln_warp != 1) {
    features["vtln-warp"] = Cat(tool.opts.vtln_warp);
    features["vtln-low"] = Cat(tool.extractor.mel.vtln.low);
    features["vtln-high"] = Cat(tool.extractor.mel.vtln.high);
  }
  return features;
}

FbankOptions FbankOptionsOf(const std::map<std::string, std::string> &features) {
  if (features.empty()) {
    throw DataError(
        "the model does not say which features it takes; nnet-init --fbank-config and nnet-import "
        "store that");
  }
  OptionParser po("");
  FbankOptions opts;
  opts.frame.dither = 0;
  opts.Register(&po);
  opts.mel.vtln.Register(&po);
  bool subtract_mean = false;
  float vtln_warp = 1;
  po.Register("subtract-mean", &subtract_mean, "");
  po.Register("vtln-warp", &vtln_warp, "");
  try {
    for (const auto &[name, value] : features) po.Set(name, value);
    opts.Check();
  } catch (const UsageError &e) {
    throw DataError("the model's feature options: ", e.what());
  }
  if (subtract_mean || vtln_warp != 1) {
    throw DataError("the model's features are made with ",
                    subtract_mean ? "subtract-mean, which needs whole utterances"
                                  : "vtln-warp, which live features do not have",
                    "; compute them with compute-fbank-feats");
  }
  return opts;
}

}  // namespace u2moe
