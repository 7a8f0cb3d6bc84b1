#include "modelfile/param-count.h"

#include <cmath>

#include "layer/param-visitor.h"

namespace u2moe {

ParamCounts CountParams(AsrModel *model) {
  ParamCounts counts;
  using Piece = AsrModel::Piece;
  const auto count = [&](Piece piece, int64_t *part, int64_t *active) {
    AsrModel::Alone layer{model, piece};
    double used = 0;  // an integer again when all experts of a mixture are there
    const auto add = [&](const ParamInfo &info, int64_t size) {
      if (!info.trainable) {
        counts.buffers += size;
        return;
      }
      counts.total += size;
      *part += size;
      used += info.use.share * static_cast<double>(size);
      const ParamRole role = info.use.role;
      if (role == ParamRole::kRouter) counts.gate += size;
      if (role == ParamRole::kExpert || role == ParamRole::kFeedForward)
        counts.feed_forward += size;
    };
    ForEachParamOrPacked(
        &layer, [&](const ParamInfo &info, Tensor *tensor) { add(info, tensor->Size()); },
        [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
          add(info, packed->Empty() ? weight->Size() : packed->Rows() * packed->Cols());
        });
    *active += std::llround(used);
  };
  count(Piece::kEncoder, &counts.encoder, &counts.active_per_frame);
  count(Piece::kCtc, &counts.ctc, &counts.active_per_frame);
  count(Piece::kLeftDecoder, &counts.left_decoder, &counts.active_left);
  count(Piece::kRightDecoder, &counts.right_decoder, &counts.active_right);
  return counts;
}

}  // namespace u2moe
