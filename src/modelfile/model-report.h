#ifndef U2MOE_MODELFILE_MODEL_REPORT_H_
#define U2MOE_MODELFILE_MODEL_REPORT_H_

#include <string>

#include "modelfile/model-file.h"

namespace u2moe {

// What nnet-info prints: shape, parameters by part and in use, units, feature options, history. The
// text for people has one section each; the JSON object has config (all options of
// nnet-init), num_experts (of the largest mixture; 0: a dense model), parameters,
// weights (of linear maps, by kind of layer: format, packed or not, parameters, bytes), units,
// tokenizer (of word pieces; null: letters), features and history.
std::string ModelReportText(AsrModel *model, const ModelInfo &info);
std::string ModelReportJson(AsrModel *model, const ModelInfo &info);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_MODEL_REPORT_H_
