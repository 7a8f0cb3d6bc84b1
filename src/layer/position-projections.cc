#include "layer/position-projections.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/embedding.h"

namespace u2moe {
namespace {

void Project(const Context &ctx, const Linear &map, int64_t first, View out) {
  Tensor table(ctx, out.Rows(), map.InDim());
  PositionTable(ctx, first, table);
  map.Forward(ctx, table, out);
}

}  // namespace

void PositionProjections::Rows(const Context &ctx, const Linear &map, int64_t first, View out) {
  int64_t done = 0;
  while (done < out.Rows() && first + done < kMaxKept) {
    const int64_t position = first + done, row = position % kPiece;
    const auto p = static_cast<size_t>(position / kPiece);
    std::call_once(once_[p], [&] {
      Tensor piece(ctx, kPiece, out.Cols());
      Project(ctx, map, position - row, piece);
      ctx.Synchronize();  // other threads read it, too
      pieces_[p] = std::move(piece);
    });
    const int64_t n = std::min(kPiece - row, out.Rows() - done);
    CopyTo(ctx, pieces_[p].View().RowRange(row, n), out.RowRange(done, n));
    done += n;
  }
  if (done < out.Rows()) Project(ctx, map, first + done, out.RowRange(done, out.Rows() - done));
}

}  // namespace u2moe
