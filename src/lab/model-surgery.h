// What conversions of models are made of: the feed-forward layers of a model, its tensors by name,
// and a model of another shape that takes over what the two have in common.
#ifndef U2MOE_LAB_MODEL_SURGERY_H_
#define U2MOE_LAB_MODEL_SURGERY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/asr-model.h"

namespace u2moe {

// A feed-forward layer, dense or a mixture.
struct FeedForwardPlace {
  enum class Part { kEncoder, kLeftDecoder, kRightDecoder };
  Part part = Part::kEncoder;
  int32_t block = 0;
  bool macaron = false;  // of an encoder block, the layer before attention

  // The scope of its tensors: "encoder.encoders.0.feed_forward_macaron".
  std::string Name() const;
  const FeedForwardConfig &Config(const ModelConfig &config) const;
  // The layers of *config must be spelled out.
  FeedForwardConfig *MutableConfig(ModelConfig *config) const;
};

// All of a model, in the order of the network.
std::vector<FeedForwardPlace> FeedForwardPlaces(const ModelConfig &config);
// Those that a list chooses: "all", or some of encoder, macaron, last (of the encoder's layers),
// decoders, with commas. Throws UsageError that names --part.
std::vector<FeedForwardPlace> ChoosePlaces(const ModelConfig &config, const std::string &part);

// Each layer as it is in EncoderConfig::layers and DecoderConfig::layers, to be changed; and back:
// one configuration for all, where all are equal.
void SpellOutLayers(ModelConfig *config);
void JoinLayers(ModelConfig *config);

// The tensors of a model, which must outlive this.
class TensorsByName {
 public:
  // Throws Error for a model whose weights are packed.
  explicit TensorsByName(AsrModel *model);
  bool Has(const std::string &name) const { return tensors_.count(name) > 0; }
  Tensor &operator[](const std::string &name) const;  // which must be there
  const std::map<std::string, Tensor *> &All() const { return tensors_; }

 private:
  std::map<std::string, Tensor *> tensors_;
};

// A model of this configuration, whose joined form it has: tensors that are in `from` under the
// same name and in the same shape are copies, the others fresh, of that seed. Its policy is plain.
// Throws UsageError as CheckConfig.
std::unique_ptr<AsrModel> Reshaped(AsrModel *from, ModelConfig config, uint64_t seed);

// Throws UsageError that says what differs, unless both have one shape.
void CheckSameShape(const AsrModel &a, const AsrModel &b);

// All tensors of a feed-forward block ("...experts.3", or the name of a dense layer) from one model
// to another.
void CopyFeedForward(const TensorsByName &from, const std::string &from_scope,
                     const TensorsByName &to, const std::string &to_scope);

// Rows of a tensor, in the order given.
Tensor TakeRows(const Tensor &t, const std::vector<int64_t> &rows);
// Those rows of x that stand in places [begin, end) of a list.
Tensor TakeRows(ConstView x, const std::vector<int64_t> &rows, size_t begin, size_t end);
// Neurons of a dense layer, in the order given, become the expert of this number, without the bias
// of its output, which is left as it is. Bank neuron-groups remembers which they were.
void CopyNeurons(const TensorsByName &from, const std::string &layer, const TensorsByName &to,
                 int64_t number, const std::vector<int64_t> &neurons);

// 16 hexadecimal digits that depend on the names, the shapes and the bits of all tensors: equal for
// equal models, and by chance only for others.
std::string ContentHash(AsrModel *model);

}  // namespace u2moe

#endif  // U2MOE_LAB_MODEL_SURGERY_H_
