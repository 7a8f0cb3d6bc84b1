#include "train/trainable.h"

#include <algorithm>
#include <cmath>

#include "ops/ctc-loss.h"

namespace u2moe {
namespace {

// Beyond what a logarithm of an energy can be, though other features may be as large.
constexpr float kUnusual = 1e4f;
// What no feature can be; its squares are not far from the end of float32.
constexpr float kImpossible = 1e15f;

Unfit CheckLabels(const ModelConfig &config, const std::vector<int32_t> &labels, std::string *why) {
  for (int32_t label : labels) {
    if (label < 0 || label >= config.vocab_size || label == config.blank) {
      *why = Cat("label ", label, " is not a unit of the model (1 to ", config.vocab_size - 1,
                 ", blank ", config.blank, "); were the tokens made with the model's units.txt?");
      return Unfit::kLabel;
    }
  }
  return Unfit::kNo;
}

Unfit CheckDimension(const ModelConfig &config, int64_t dim, std::string *why) {
  if (dim == config.encoder.feature_dim) return Unfit::kNo;
  *why = Cat("features have ", dim, " dimensions, the model wants ", config.encoder.feature_dim);
  return Unfit::kDimension;
}

Unfit CheckFrames(const AsrModel &model, const std::vector<int32_t> &labels, int64_t num_frames,
                  std::string *why) {
  const int64_t frames = model.Encoder().OutLength(num_frames), needed = CtcMinFrames(labels);
  if (frames >= std::max<int64_t>(1, needed)) return Unfit::kNo;
  *why = Cat(num_frames, " feature frames give ", frames, " encoder frames, too few for ",
             labels.size(), " labels, which need ", std::max<int64_t>(1, needed),
             "; is the transcript right?");
  return Unfit::kFrames;
}

Unfit CheckValues(const Tensor &feats, float *largest, std::string *why) {
  *largest = 0;
  for (int64_t i = 0; i < feats.Size(); ++i) {
    const float x = std::abs(feats.Data()[i]);
    if (!std::isfinite(x)) {
      *why = "features hold NaN or infinity; extract them again";
      return Unfit::kValue;
    }
    *largest = std::max(*largest, x);
  }
  if (*largest > kImpossible) {
    *why = Cat("features hold values of ", *largest, ", which no sound has; extract them again");
    return Unfit::kValue;
  }
  return Unfit::kNo;
}

}  // namespace

LossTerms UtteranceLoss(const Context &ctx, const AsrModel &model, const TrainUtterance &u,
                        double exit_ctc_weight) {
  TrainBatch batch;
  batch.feats = u.feats;
  batch.shape = RaggedShape::Single(u.feats.Rows());
  batch.labels.push_back(u.labels);
  LossOptions options;
  SequenceFacts facts;
  facts.tag = u.tag;
  options.sequences = Span<SequenceFacts>(&facts, 1);
  options.exit_ctc_weight = exit_ctc_weight;
  options.aux_losses = false;
  try {
    return ComputeLoss(ctx, model, batch, options, nullptr, nullptr);
  } catch (const DataError &e) {  // a router meets NaN before the loss does
    throw DataError("utterance ", u.key, ": ", e.what());
  }
}

const char *UnfitName(Unfit unfit) {
  switch (unfit) {
    case Unfit::kNo:
      return "nothing";
    case Unfit::kLabel:
      return "labels that are no units of the model";
    case Unfit::kDimension:
      return "features of another dimension";
    case Unfit::kValue:
      return "NaN, infinity or impossible values in the features";
    case Unfit::kFrames:
      return "more labels than frames, or too few frames";
    case Unfit::kLoss:
      return "a loss that is not finite";
  }
  return "";
}

Unfit FindUnfitShape(const AsrModel &model, const std::vector<int32_t> &labels, int64_t num_frames,
                     int64_t dim, std::string *why) {
  Unfit found = CheckLabels(model.Config(), labels, why);
  if (found == Unfit::kNo) found = CheckDimension(model.Config(), dim, why);
  if (found == Unfit::kNo) found = CheckFrames(model, labels, num_frames, why);
  return found;
}

Unfit FindUnfitValue(const Tensor &feats, std::string *why) {
  float largest;
  return CheckValues(feats, &largest, why);
}

Unfit FindUnfit(const AsrModel &model, const TrainUtterance &u, std::string *why) {
  float largest = 0;
  Unfit found = CheckLabels(model.Config(), u.labels, why);
  if (found == Unfit::kNo) found = CheckDimension(model.Config(), u.feats.Cols(), why);
  if (found == Unfit::kNo) found = CheckValues(u.feats, &largest, why);
  if (found == Unfit::kNo) found = CheckFrames(model, u.labels, u.feats.Rows(), why);
  if (found != Unfit::kNo || largest <= kUnusual) return found;
  bool finite = false;
  try {
    finite = std::isfinite(UtteranceLoss(Context(), model, u, LossOptions().exit_ctc_weight).total);
  } catch (const DataError &) {
  }
  if (finite) return Unfit::kNo;
  *why = Cat("its loss is not finite, with features of up to ", largest, "; extract them again");
  return Unfit::kLoss;
}

}  // namespace u2moe
