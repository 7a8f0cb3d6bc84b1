// A model is one .safetensors file: tensors under WeNet's parameter names and, in the header's
// metadata, the model's shape, units, feature options and training history as JSON. It is all that
// decoding needs.
#ifndef U2MOE_MODELFILE_MODEL_FILE_H_
#define U2MOE_MODELFILE_MODEL_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "layer/param-visitor.h"
#include "model/asr-model.h"
#include "model/model-config.h"

namespace u2moe {

struct PackFormat {
  WeightFormat format = WeightFormat::kFloat32;
  int64_t group_size = 0;  // as PackedMatrix::Pack takes it
};

struct ModelInfo {
  ModelConfig config;
  std::vector<std::string> units;  // by id; empty where they are not known
  // Options of compute-fbank-feats that made the training features, sample-frequency among them;
  // empty where they are not known.
  std::map<std::string, std::string> features;
  // Bytes of SentencePiece's model where the units are its word pieces, else empty; and the case of
  // text that goes through it (TokenizerOptions::bpe_case).
  std::string bpe_model;
  std::string bpe_case = "auto";
  std::vector<std::string> tags;  // of utterances, by number, where routers look at them
  std::string history = "[]";     // JSON array: what was done to the model, one object per step
};

// Reads and checks a model file, of this version or an older one; a stored ExpertPolicy becomes the
// model's. Its tensors are borrowed from a private mapping of the file: nothing is copied, and
// training may write to them. info may be null. Throws DataError naming the file, the tensor and
// what to do for a file of another kind, a damaged one, and tensors that are missing, too many or
// of another shape. Weights that the file holds packed (nnet-quantize) are used where they lie, for
// inference only; without kAllow they are refused.
enum class PackedWeights { kRefuse, kAllow };
std::unique_ptr<AsrModel> ReadModel(const std::string &rxfilename, ModelInfo *info,
                                    PackedWeights packed = PackedWeights::kRefuse);

// The metadata alone, with the same checks of it. For tools that need units or feature options
// only.
ModelInfo ReadModelInfo(const std::string &rxfilename);

// Writes the model with its own Config() in place of info.config, and its own Policy(). Equal
// models give equal bytes; the file appears under its name only when complete. Throws UsageError if
// info does not fit the model. Weights that are packed are written so: in place of X.weight,
// X.weight.packed (in the layout of PackedMatrix) and, for codes, X.weight.scales; the metadata has
// "packed", from X.weight to [format, group size].
void WriteModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info);
// The same, and the model is let go of tensor by tensor as it is written. Those weights of
// linear maps for whose role will_pack tells format and group size are packed by pack on the way,
// one at a time; those of the subsampling stay, and what it tells is how they will be packed.
struct PackOnWrite {
  std::function<std::optional<PackFormat>(ParamRole role)> will_pack;
  std::function<PackedMatrix(const ParamInfo &info, const Tensor &weight)> pack;
};
void WriteModel(const std::string &wxfilename, std::unique_ptr<AsrModel> model,
                const ModelInfo &info, const PackOnWrite &pack = {});

// Fills all tensors as their layers declare (ParamInit). Each tensor has its own stream of random
// numbers, made of the seed and its name, so that models of different shapes share the values of
// their common tensors.
void InitModel(AsrModel *model, uint64_t seed);
// For models that need not fit into memory: its buffers (CMVN, running statistics) alone; and
// writing the model with its buffers and with parameters as InitModel fills them, which are made
// one at a time and not kept.
void InitBuffers(AsrModel *model, uint64_t seed);
void WriteInitialModel(const std::string &wxfilename, AsrModel *model, const ModelInfo &info,
                       uint64_t seed);

// Throws UsageError unless the units are as many as the vocabulary, distinct and free of spaces,
// the feature options give features of config.encoder.feature_dim dimensions, and the history is a
// JSON array. Units and features may be empty.
void CheckModelInfo(const ModelInfo &info);

// Throws DataError, naming source and tensor, if a weight is not finite.
void CheckFiniteWeights(AsrModel *model, const std::string &source);

// Appends one JSON object, e.g. {"tool": "nnet-train", "epochs": 3}, to the history; or one of the
// tool's name and some texts, such as file names.
void AddHistory(const std::string &json_object, ModelInfo *info);
void AddHistory(const std::string &tool, const std::map<std::string, std::string> &details,
                ModelInfo *info);

// Reads "unit id" lines with ids from 0 on, in any order. Throws DataError naming file and line.
std::vector<std::string> ReadUnits(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_MODEL_FILE_H_
