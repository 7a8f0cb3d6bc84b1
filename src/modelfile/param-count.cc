#include "modelfile/param-count.h"

#include <string>

#include "layer/param-visitor.h"
#include "util/text.h"

namespace u2moe {
namespace {

// The N of "...experts.N.w_1.weight"; -1 for other tensors.
int64_t ExpertOf(const std::string &name) {
  const std::string mark = ".experts.";
  const size_t at = name.find(mark);
  if (at == name.npos) return -1;
  const size_t begin = at + mark.size();
  int64_t expert = -1;
  CHECK(ParseNumber(name.substr(begin, name.find('.', begin) - begin), &expert)) << name;
  return expert;
}

}  // namespace

ParamCounts CountParams(AsrModel *model) {
  const ModelConfig &config = model->Config();
  ParamCounts counts;
  const auto count = [&](const std::string &name, int64_t size) {
    const bool decoder = StartsWith(name, "decoder.");
    // The experts of a mixture are equally large, so the first K stand for any K.
    const int32_t chosen =
        decoder ? config.decoder.ffn.experts_per_frame : config.encoder.ffn.experts_per_frame;
    const int64_t active = ExpertOf(name) < chosen ? size : 0;
    counts.total += size;
    if (name.find(".gate.") != name.npos) {
      counts.gate += size;
    } else if (name.find(".feed_forward") != name.npos) {
      counts.feed_forward += size;
    }
    if (!decoder) {
      (StartsWith(name, "ctc.") ? counts.ctc : counts.encoder) += size;
      counts.active_per_frame += active;
    } else if (StartsWith(name, "decoder.left_decoder.")) {
      counts.left_decoder += size;
      counts.active_left += active;
    } else {
      counts.right_decoder += size;
      counts.active_right += active;
    }
  };
  ForEachParamOrPacked(
      model,
      [&](const std::string &name, Tensor *tensor, bool trainable) {
        if (trainable) {
          count(name, tensor->Size());
        } else {
          counts.buffers += tensor->Size();
        }
      },
      [&](const std::string &name, Tensor *weight, PackedMatrix *packed) {
        count(name, packed->Empty() ? weight->Size() : packed->Rows() * packed->Cols());
      });
  return counts;
}

}  // namespace u2moe
