#include "ops/ctc-loss.h"

#include "ops/dispatch.h"

namespace u2moe {

CachedVector<double> CtcLosses(const Context &ctx, ConstView logp, const RaggedShape &shape,
                               const std::vector<std::vector<int32_t>> &labels, int32_t blank,
                               float weight, View dlogits) {
  CHECK_EQ(shape.TotalRows(), logp.Rows());
  CHECK_EQ(static_cast<size_t>(shape.NumSequences()), labels.size());
  CHECK(blank >= 0 && (blank < logp.Cols() || logp.Rows() == 0)) << "blank " << blank;
  for (const std::vector<int32_t> &sequence : labels) {
    for (int32_t label : sequence) {
      CHECK(label >= 0 && label != blank && (label < logp.Cols() || logp.Rows() == 0))
          << "label " << label << " of " << logp.Cols() << ", blank " << blank;
    }
  }
  if (dlogits.Data() != nullptr) {
    CHECK_SHAPE(dlogits, logp.Rows(), logp.Cols());
  }
  return OPS_CALL(ctx, CtcLosses, logp, shape, labels, blank, weight, dlogits);
}

}  // namespace u2moe
