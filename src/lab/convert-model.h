// Conversions of models: a model in, another out, by one of several methods (moe-convert). A method
// is its own file and one row of the table in convert-model.cc.
#ifndef U2MOE_LAB_CONVERT_MODEL_H_
#define U2MOE_LAB_CONVERT_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lab/convert-data.h"
#include "model/asr-model.h"

namespace u2moe {

class OptionParser;

struct ConvertOptions {
  std::string method, part = "all";
  int32_t num_experts = 0, experts_per_frame = 2;
  std::string mixture;
  float router_gain = 0, expert_noise = 0;
  float min_share = 0;
  std::string by = "count", keep, expert = "mean";
  bool align = true;
  std::string split = "k-means";
  int32_t max_rows = 20000, router_epochs = 30;
  float router_rate = 0.01f;
  float keep_share = 0.5f;
  int32_t expert_dim = 0, layer_epochs = 10;
  float layer_rate = 1e-3f;
  int32_t seed = 1;

  void Register(OptionParser *po);
  // Throws UsageError for an unknown method, a value out of range, and an option that was given but
  // that the method does not read.
  void Check(const OptionParser &po) const;
  // Those that the method reads, as name=value with spaces: for the model's history.
  std::string ToString() const;
};

struct ConvertInput {
  AsrModel *model = nullptr, *other = nullptr;  // other: null, or the second of two models
  const ConvertData *data = nullptr;            // null: there are none
};

// "name: what it does", line by line, of all methods.
std::string ConversionHelp();
// How many models the method reads: 1 or 2.
int NumConvertedModels(const std::string &method);

// The converted model. What a method has to say of its work goes to the log. Throws UsageError for
// a model of the wrong kind, numbers that do not fit it, and data that are missing or not wanted.
// The input's limits of experts (moe-calibrate) are not kept, as they were found for other
// experts.
std::unique_ptr<AsrModel> ConvertModel(const Context &ctx, const ConvertOptions &opts,
                                       const ConvertInput &in);

// The methods.
using Conversion = std::unique_ptr<AsrModel>(const Context &ctx, const ConvertOptions &opts,
                                             const ConvertInput &in);
Conversion UpcycleModel, PruneExperts, MergeExperts, MixtureToDense, JoinTwoMixtures,
    SplitDenseLayers, SwapToRelu, DecomposeDenseLayers, MaterialiseExperts, FitMixtures,
    CutDomainExperts;

// What several of them need.

// The chosen layers that are mixtures, or those that are dense. Throws UsageError that says what to
// do where there are none.
std::vector<FeedForwardPlace> MixturesAmong(const ConvertOptions &opts, const ModelConfig &config);
std::vector<FeedForwardPlace> DenseAmong(const ConvertOptions &opts, const ModelConfig &config);
// What a dense layer becomes with the options' numbers and settings. Throws UsageError for settings
// that would change the layer itself.
FeedForwardConfig NewMixture(const FeedForwardConfig &dense, const ConvertOptions &opts);
// The router's tensors, from the mixture's scope on, whose row (or entry) e makes the logit of
// expert e alone: without it, the router is one of the other experts. The first of them is the
// matrix. Throws UsageError for a router that is not of this kind.
std::vector<std::string> RouterRows(const std::string &method, const FeedForwardPlace &place,
                                    const FeedForwardConfig &config);

}  // namespace u2moe

#endif  // U2MOE_LAB_CONVERT_MODEL_H_
