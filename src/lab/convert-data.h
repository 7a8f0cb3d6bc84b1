// What conversions learn from data: how experts are used, and what goes into dense layers.
#ifndef U2MOE_LAB_CONVERT_DATA_H_
#define U2MOE_LAB_CONVERT_DATA_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/model-surgery.h"
#include "model/asr-model.h"

namespace u2moe {

// Utterances: calls the function with the features of each and the labels that the decoders are
// fed with, null where there are none. May be called several times, for the same utterances.
struct ConvertData {
  using Use = std::function<void(ConstView feats, const std::vector<int32_t> *tokens)>;
  std::function<void(const Use &)> for_each;
  bool has_tokens = false;
  std::function<std::string()> label;  // of the utterance that is being used; null: there are none
  AttentionMask mask;
};

// How often each expert of a mixture is chosen, and the sum of its gates.
struct ExpertUse {
  std::vector<double> count, gate;
  double Total() const;  // of count
};

// By the names of the mixtures. Throws UsageError where decoders have mixtures among `places` but
// the data have no tokens, DataError for data that do not fit the model or have no utterances.
std::map<std::string, ExpertUse> MeasureExpertUse(const Context &ctx, AsrModel *model,
                                                  const std::vector<FeedForwardPlace> &places,
                                                  const ConvertData &data);

// Rows that go into dense layers of a model, by their names: [N, D] with N <= max_rows each, drawn
// evenly from all rows of the data, the same for the same seed. Throws as MeasureExpertUse, and
// UsageError for a place with a mixture.
std::map<std::string, Tensor> FeedForwardInputs(const Context &ctx, AsrModel *model,
                                                const std::vector<FeedForwardPlace> &places,
                                                const ConvertData &data, int64_t max_rows,
                                                uint64_t seed);

// f(w_1 x + b_1) of a dense layer: [N, hidden].
Tensor HiddenActivity(const Context &ctx, const TensorsByName &tensors, const std::string &layer,
                      Activation f, ConstView x);

}  // namespace u2moe

#endif  // U2MOE_LAB_CONVERT_DATA_H_
