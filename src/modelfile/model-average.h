#ifndef U2MOE_MODELFILE_MODEL_AVERAGE_H_
#define U2MOE_MODELFILE_MODEL_AVERAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modelfile/model-file.h"

namespace u2moe {

// The mean of the tensors of models of one shape, running statistics included, each sum in double
// in the order of the names. info receives what the models have in common: shape, units, feature
// options and the steps at the beginning of their histories, then a step that lists the files.
// Throws DataError naming the file that differs from the first in shape, units or features, or that
// holds a value which is not finite.
std::unique_ptr<AsrModel> AverageModels(const std::vector<std::string> &rxfilenames,
                                        ModelInfo *info);

// Throws UsageError unless the mean of `inputs` may be written to `result`: not over one of them,
// and over a file that is there only if the last step of its history was nnet-average's: the result
// once came first on that tool's command line, and such a command must not cost a model.
void CheckAverageResult(const std::vector<std::string> &inputs, const std::string &result);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_MODEL_AVERAGE_H_
