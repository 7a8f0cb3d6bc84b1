#include "ops/packed/conv2d-tiles.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ops/dispatch.h"
#include "ops/packed/packed-gemm.h"
#include "tensor/allocator.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// Rows of tiles taken together: enough for the weights to be read seldom, few enough for what lies
// between the products to stay in cache.
constexpr int64_t kBlockTiles = 8;
// With fewer the products are too short.
constexpr int64_t kLeastChannels = 128;

}  // namespace

Conv2dTiles::Conv2dTiles(const Conv2dShape &shape, PackedMatrix w)
    : shape_(shape), w_(std::move(w)) {
  CHECK(shape.kernel == 3 && shape.stride == 2) << shape.kernel << " " << shape.stride;
  CHECK(w_.Format() == WeightFormat::kFloat32) << ToString(w_.Format());
  CHECK(w_.Rows() == shape.out_channels && w_.Cols() == shape.PatchSize())
      << w_.Rows() << "x" << w_.Cols();
}

bool Conv2dTiles::Suit(const Conv2dShape &shape, WeightFormat format) {
  return shape.kernel == 3 && shape.stride == 2 && format == WeightFormat::kFloat32 &&
         std::min(shape.in_channels, shape.out_channels) >= kLeastChannels;
}

const std::vector<PackedMatrix> &Conv2dTiles::Weights(const Context &ctx) const {
  std::call_once(once_, [&] {
    constexpr int64_t kMatrices = kTileFactors * kTileFactors;
    const int64_t bytes =
        PackedMatrix::PackedBytes(WeightFormat::kFloat32, shape_.out_channels, shape_.in_channels);
    const std::shared_ptr<float> all =
        AllocateFloatsOn(ctx.GetDevice(), kMatrices * bytes / static_cast<int64_t>(sizeof(float)));
    OPS_CALL_HOST(ctx, Conv2dTileWeights, w_, all.get());
    for (int64_t i = 0; i < kMatrices; ++i) {
      const uint8_t *data = reinterpret_cast<const uint8_t *>(all.get()) + i * bytes;
      weights_.push_back(PackedMatrix::Borrow(WeightFormat::kFloat32, shape_.out_channels,
                                              shape_.in_channels, 0,
                                              std::shared_ptr<const uint8_t>(all, data), Tensor()));
    }
  });
  return weights_;
}

void Conv2dReluTiles(const Context &ctx, const Conv2dTiles &tiles, ConstView x, ConstView bias,
                     View y) {
  const Conv2dShape &s = tiles.Shape();
  CHECK(x.Rows() % s.in_freq == 0) << x.Rows() << " rows of " << s.in_freq << " frequencies";
  CHECK_EQ(x.Cols(), s.in_channels);
  CHECK_SHAPE(bias, 1, s.out_channels);
  const int64_t in_time = x.Rows() / s.in_freq, out_time = s.OutTime(in_time);
  const int64_t out_freq = s.OutFreq();
  CHECK_SHAPE(y, out_time * out_freq, s.out_channels);
  if (y.Empty()) return;
  const std::vector<PackedMatrix> &weights = tiles.Weights(ctx);
  // Points p of time and q of frequency; kTilePoints for the odd inputs.
  const auto weight = [&](int64_t p, int64_t q) -> const PackedMatrix & {
    return weights[static_cast<size_t>(p * kTileFactors + q)];
  };
  const int64_t time_tiles = (out_time + kTileOutputs - 1) / kTileOutputs;
  const int64_t blocks = (time_tiles + kBlockTiles - 1) / kBlockTiles;
  Tensor even_even, even_odd, odd_even, even_even_y, even_odd_y, odd_even_y;
  CachedVector<int32_t> odd_odd;
  for (int64_t i = 0; i < blocks; ++i) {
    Conv2dTileBlock block{s, in_time, time_tiles * i / blocks * kTileOutputs, 0};
    block.frames = std::min(time_tiles * (i + 1) / blocks * kTileOutputs, out_time) - block.first;
    const int64_t ee = block.EvenEvenRows(), eo = block.EvenOddRows(), oe = block.OddEvenRows();
    const auto resize = [&ctx](int64_t rows, int64_t cols, Tensor *t) {
      if (t->Rows() != rows) *t = Tensor(ctx, rows, cols);
    };
    resize(kTilePoints * kTilePoints * ee, s.in_channels, &even_even);
    resize(kTilePoints * eo, s.in_channels, &even_odd);
    resize(kTilePoints * oe, s.in_channels, &odd_even);
    resize(kTilePoints * kTilePoints * ee, s.out_channels, &even_even_y);
    resize(kTilePoints * eo, s.out_channels, &even_odd_y);
    resize(kTilePoints * oe, s.out_channels, &odd_even_y);
    OPS_CALL_HOST(ctx, Conv2dTilesIn, block, x, even_even, even_odd, odd_even);

    const auto multiply = [&](const Tensor &in, int64_t point, int64_t rows, const PackedMatrix &w,
                              Tensor *out) {
      PackedGemm(ctx, in.View().RowRange(point * rows, rows), w, Epilogue(),
                 out->View().RowRange(point * rows, rows));
    };
    for (int64_t p = 0; p < kTilePoints; ++p) {
      for (int64_t q = 0; q < kTilePoints; ++q)
        multiply(even_even, p * kTilePoints + q, ee, weight(p, q), &even_even_y);
      multiply(even_odd, p, eo, weight(p, kTilePoints), &even_odd_y);
      multiply(odd_even, p, oe, weight(kTilePoints, p), &odd_even_y);
    }
    odd_odd.clear();
    odd_odd.reserve(static_cast<size_t>(block.frames * out_freq));
    for (int64_t t = block.first; t < block.first + block.frames; ++t) {
      for (int64_t f = 0; f < out_freq; ++f)
        odd_odd.push_back(static_cast<int32_t>((2 * t + 1) * s.in_freq + 2 * f + 1));
    }
    GemmRows rows;
    rows.count = static_cast<int64_t>(odd_odd.size());
    const ListOnDevice<int32_t> odd_odd_rows(ctx, odd_odd);
    rows.in = odd_odd_rows.data();
    Epilogue epilogue;
    epilogue.bias = bias.Data();
    const View to = y.RowRange(block.first * out_freq, block.frames * out_freq);
    PackedGemm(ctx, PackedRows(ctx, x, WeightFormat::kFloat32), rows,
               weight(kTilePoints, kTilePoints), epilogue, to);
    OPS_CALL_HOST(ctx, Conv2dTilesOut, block, even_even_y, even_odd_y, odd_even_y, to);
  }
}

}  // namespace u2moe
