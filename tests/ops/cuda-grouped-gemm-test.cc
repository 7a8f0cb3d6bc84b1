// The grouped product of experts on a GPU: each row has the bits of a product with its own matrix.
#include <gtest/gtest.h>

#include <numeric>

#include "ops/packed/cuda-packed-gemm.h"
#include "support/test-util.h"
#include "tensor/cuda-runtime.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

struct Case {
  WeightFormat format;
  int64_t group_size, outputs, inputs;
  std::vector<int64_t> sizes;  // rows of each expert
};

TEST(CudaGroupedGemm, EachRowIsAProductWithItsOwnMatrix) {
  const Context ctx(Device::kCuda);
  Rng rng(1);
  for (const Case &c : {Case{WeightFormat::kFloat32, 0, 50, 70, {3, 0, 1, 9}},
                        {WeightFormat::kFloat32, 0, 33, 300, {65, 0, 70, 0, 130}},
                        {WeightFormat::kBfloat16, 0, 16, 41, {0, 200, 0}},
                        {WeightFormat::kInt8, 0, 40, 96, {5, 6, 7, 0}},
                        {WeightFormat::kInt8, 0, 40, 96, {64, 1, 100}},
                        {WeightFormat::kInt4, 64, 17, 200, {100, 3}},
                        {WeightFormat::kInt4, 8, 20, 24, {1}}}) {
    SCOPED_TRACE(Cat(ToString(c.format), " ", c.outputs, "x", c.inputs));
    const int64_t slots = std::accumulate(c.sizes.begin(), c.sizes.end(), int64_t{0}),
                  most = slots + 7, rows = 30;
    const Tensor x = RandomTensor(&rng, rows, c.inputs).ToDevice(ctx);
    std::vector<PackedMatrix> weights;
    std::vector<Tensor> biases;
    std::vector<int32_t> begin = {0}, in;
    for (const int64_t size : c.sizes) {
      weights.push_back(
          PackedMatrix::Pack(RandomTensor(&rng, c.outputs, c.inputs), c.format, c.group_size)
              .ToDevice(ctx));
      biases.push_back(RandomTensor(&rng, 1, c.outputs).ToDevice(ctx));
      begin.push_back(begin.back() + static_cast<int32_t>(size));
    }
    for (int64_t s = 0; s < most; ++s)
      in.push_back(static_cast<int32_t>(rng.UniformInt(0, rows - 1)));
    std::vector<const PackedMatrix *> pointers;
    std::vector<const float *> bias_pointers;
    for (size_t e = 0; e < weights.size(); ++e) {
      pointers.push_back(&weights[e]);
      bias_pointers.push_back(biases[e].Data());
    }
    const ListOnDevice<int32_t> begin_there(ctx, begin), in_there(ctx, in);
    const PackedRows packed(ctx, x, c.format);
    const Tensor before = RandomTensor(&rng, most, c.outputs);
    Tensor got = before.ToDevice(ctx), want = before.ToDevice(ctx);
    cuda::GroupedPackedGemm(packed, pointers, bias_pointers.data(), begin_there.data(),
                            in_there.data(), most, Activation::kSwish, got);
    for (size_t e = 0; e < weights.size(); ++e) {
      GemmRows call;
      call.count = c.sizes[e];
      call.in = in_there.data() + begin[e];
      Epilogue epilogue;
      epilogue.bias = bias_pointers[e];
      epilogue.activation = Activation::kSwish;
      PackedGemm(ctx, packed, call, weights[e], epilogue,
                 want.View().RowRange(begin[e], c.sizes[e]));
    }
    EXPECT_EQ(MaxAbsDiff(got.ToHost(), want.ToHost()), 0);
  }
}

}  // namespace
}  // namespace u2moe
