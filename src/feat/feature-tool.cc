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

}  // namespace u2moe
