// Time per call of the ops on rows, one thread: `row-ops-bench [rows [columns]]`. The best of many
// runs; GB/s counts each matrix read or written once, so figures above the memory's come from the
// cache.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/timer.h"
#include "bench/random-rows.h"
#include "ops/activation.h"
#include "ops/adam.h"
#include "ops/batch-norm.h"
#include "ops/dropout.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/gather.h"
#include "ops/layer-norm.h"
#include "ops/softmax.h"
#include "tensor/context.h"
#include "tensor/gemm.h"
#include "tensor/tensor.h"

namespace u2moe {
namespace {

double BestSeconds(const std::function<void()> &fn) {
  double best = 1e9;
  Timer total;
  while (total.Elapsed() < 0.15) {
    Timer timer;
    for (int i = 0; i < 5; ++i) fn();
    best = std::min(best, timer.Elapsed() / 5);
  }
  return best;
}

}  // namespace

int Run(int argc, char *argv[]) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 1000;
  const int64_t cols = argc > 2 ? std::atoll(argv[2]) : 144;
  Context ctx;
  Rng rng(1);
  Tensor x = RandomRows(&rng, rows, cols), y = RandomRows(&rng, rows, cols),
         z = RandomRows(&rng, rows, cols), wide = RandomRows(&rng, rows, 2 * cols), wide2 = wide,
         row_stats = RandomRows(&rng, rows, 2), col_stats = RandomRows(&rng, 2, cols),
         gamma = RandomRows(&rng, 1, cols), beta = gamma, dgamma = gamma, dbeta = gamma,
         weight = RandomRows(&rng, 4 * cols, cols), hidden = RandomRows(&rng, rows, 4 * cols),
         m = Tensor::Zeros(rows, cols), v = m;
  std::vector<int32_t> index;
  for (int64_t i = 0; i < rows; ++i)
    index.push_back(static_cast<int32_t>(rng.UniformInt(0, rows - 1)));
  std::vector<float> weights(static_cast<size_t>(rows), 0.5f), dot;

  struct Row {
    std::string name;
    double matrices;  // of rows x cols, read or written
    std::function<void()> fn;
  };
  const std::vector<Row> table = {
      {"copy", 2, [&] { CopyTo(ctx, x, y); }},
      {"add", 3, [&] { AddTo(ctx, 1e-9f, x, y); }},
      {"add row vector", 2, [&] { AddRowVector(ctx, beta, z); }},
      {"sum of rows", 1, [&] { AddSumOfRows(ctx, x, dgamma); }},
      {"sum of squares", 1, [&] { SumOfSquares(ctx, x); }},
      {"swish", 2, [&] { ActivationForward(ctx, Activation::kSwish, x, y); }},
      {"swish backward", 3, [&] { ActivationBackward(ctx, Activation::kSwish, x, y, z); }},
      {"glu", 3, [&] { GluForward(ctx, wide, y); }},
      {"glu backward", 5, [&] { GluBackward(ctx, wide, y, wide2); }},
      {"layer norm", 2, [&] { LayerNormForward(ctx, x, gamma, beta, 1e-5f, y, row_stats); }},
      {"layer norm backward", 3,
       [&] { LayerNormBackward(ctx, x, gamma, row_stats, y, z, dgamma, dbeta); }},
      {"batch norm", 2,
       [&] { BatchNormForward(ctx, x, gamma, beta, 1e-5f, 0.1f, View(), View(), y, col_stats); }},
      {"batch norm backward", 3,
       [&] { BatchNormBackward(ctx, x, gamma, col_stats, y, z, dgamma, dbeta); }},
      {"log-softmax", 2, [&] { LogSoftmaxForward(ctx, x, y); }},
      {"log-softmax backward", 3, [&] { LogSoftmaxBackward(ctx, y, x, z); }},
      {"dropout", 2, [&] { Dropout(ctx, 1, 0.1f, x, y); }},
      {"adam", 7, [&] { AdamUpdate(ctx, AdamOptions(), 100, 1e-9f, 1, x, y, m, v); }},
      {"gather", 2, [&] { GatherRows(ctx, x, index, y); }},
      {"scatter-add", 3, [&] { ScatterAddRows(ctx, x, index, weights, y); }},
      {"gather-dot", 2, [&] { GatherDotRows(ctx, x, y, index, &dot); }},
      {"position table", 1, [&] { PositionTable(ctx, 0, z); }},
      {"(GEMM to 4D)", 6, [&] { Gemm(ctx, 1, x, Trans::kNo, weight, Trans::kYes, 0, hidden); }},
  };
  std::printf("%s\n%lld x %lld\n", DescribeMachine().c_str(), static_cast<long long>(rows),
              static_cast<long long>(cols));
  for (const Row &row : table) {
    const double seconds = BestSeconds(row.fn), size = static_cast<double>(rows * cols);
    std::printf("%-22s %8.1f us  %6.2f ns/entry  %6.1f GB/s\n", row.name.c_str(), 1e6 * seconds,
                1e9 * seconds / size, row.matrices * size * 4e-9 / seconds);
  }
  return 0;
}

}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
