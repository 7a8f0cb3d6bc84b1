// The configuration in a model file since version 4: one JSON object with the objects "encoder" and
// "decoder", each with its "feed-forward" and, where layers differ, the list "layers" of what each
// layer has in place of that. The keys are those of model/config-fields.h. What only training asks
// for stands in objects "training":
//
//   {"encoder": {"num-blocks": 2, ..., "feed-forward": {"num-experts": 8, ...},
//                "layers": [{"macaron": {"num-experts": 0}}, {}], "training": {"dropout": 0.1,
//                ...}},
//    "decoder": {"blocks": 3, ..., "layers": [{}, {"num-experts": 4}, {}]},
//    "vocab-size": 30, "blank": 0, "sos": 29, "eos": 29, "training": {"ctc-weight": 0.3, ...}}
#ifndef U2MOE_MODELFILE_CONFIG_JSON_H_
#define U2MOE_MODELFILE_CONFIG_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/model-config.h"

namespace u2moe {

std::string ConfigToJson(const ModelConfig &config);

// The configuration that a file of this version holds; before version 4 it is one flat object of
// the options of nnet-init (ModelOptions::FromJson). source begins all messages. A key that is
// absent has its default, which for a decoder is the encoder's value but for the activation, and
// for the ids of units what the list of units gives; a warning says so. Keys that are younger than
// version 4 have their own defaults, without a word. A key that is not known is passed over, with a
// warning, where it stands in a "training" object or its value says that something is off (false,
// 0, null, "", [] or {}). Throws DataError, naming the key, for one that may change results, for a
// wrong type, and for a configuration that is no model's.
constexpr int32_t kNestedConfigVersion = 4;
ModelConfig ConfigFromJson(const std::string &text, int32_t version, const std::string &source,
                           const std::vector<std::string> &units);

// What of a configuration of a newer version this program does not know, as
// "encoder.depth-router={...}", without the objects "training"; "" if nothing.
std::string UnknownInConfig(const std::string &text, const std::string &source);

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_CONFIG_JSON_H_
