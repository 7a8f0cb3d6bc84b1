// Models whose weights are packed for inference, in fewer bits or not.
#ifndef U2MOE_MODELFILE_QUANTIZE_H_
#define U2MOE_MODELFILE_QUANTIZE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "modelfile/model-file.h"
#include "util/options.h"

namespace u2moe {

struct QuantizeOptions {
  std::string weights = "int8";
  int32_t group_size = -1;
  std::string what = "all";

  void Register(OptionParser *po);
  void Check() const;
  std::string ToString() const;

  WeightFormat Format() const { return ParseWeightFormat(weights); }
  // In what form the weights of linear maps in this role go into the file: those of `what` as
  // asked, routers and the rest packed in float32. For the subsampling, which is stored as it is,
  // the form in which it will be packed when the model is made ready, if not float32.
  std::optional<PackFormat> PackingOf(ParamRole role) const;
};

// 64 for int4, one group of all inputs for others, unless the option says otherwise.
int64_t GroupSize(int32_t option, WeightFormat format);

struct PackedKind {
  WeightFormat format = WeightFormat::kFloat32;
  bool packed = false;
  int64_t parameters = 0;
  int64_t bytes = 0;           // packed, with scales
  double error = 0, norm = 0;  // sums of squares of what packing changes, and of the weights

  double RelativeError() const;
};

// Packs the weights of a float32 model file. Tensors go from the one file to the other one at a
// time. Returns sizes and errors by kind of layer. Throws UsageError for experts of a dense model.
std::map<std::string, PackedKind> QuantizeModel(const std::string &rxfilename,
                                                const std::string &wxfilename,
                                                const QuantizeOptions &opts);

// The weights of a model's linear maps by kind, as they are.
std::map<std::string, PackedKind> WeightsByKind(AsrModel *model);

// Numbers to compute with, of the tools that run a model.
struct PrecisionOptions {
  std::string precision;  // empty: what the file holds
  int32_t group_size = -1;

  void Register(OptionParser *po);
  void Check() const;
};

// Reads a model and makes a part of it ready for inference; its linear maps are packed as asked
// where the file does not hold them packed. precision receives the name of the format, or of
// several with
// "+". Throws UsageError where the file is packed in another format than asked for.
std::unique_ptr<AsrModel> ReadModelForInference(const Context &ctx, const std::string &rxfilename,
                                                const PrecisionOptions &opts, ModelInfo *info,
                                                std::string *precision,
                                                ModelPart part = ModelPart::kAll);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_QUANTIZE_H_
