#include "ops/batch-norm.h"
#include "ops/cuda-columns.h"
#include "ops/cuda-packs.h"

namespace u2moe {
namespace cuda {
namespace {

using Rows = DeviceRows<float>;
using ConstRows = DeviceRows<const float>;

__device__ float ReciprocalStd(float variance, float eps) { return 1.f / sqrtf(variance + eps); }

// In inference rstd is given as the variance, which each thread turns: cheaper than a launch.
template <int kWidth>
__global__ void NormalizeKernel(ConstRows x, const float *mean, const float *rstd, bool is_variance,
                                float eps, const float *gamma, const float *beta, Rows y) {
  ForEachPack<kWidth>(y.rows, y.cols, [&](int64_t i, int64_t j) {
    Pack<kWidth> v = Pack<kWidth>::Load(x.Row(i) + j);
    for (int c = 0; c < kWidth; ++c) {
      const int64_t k = j + c;
      const float r = is_variance ? ReciprocalStd(rstd[k], eps) : rstd[k];
      v.at[c] = fmaf((v.at[c] - mean[k]) * r, gamma[k], beta[k]);
    }
    v.Store(y.Row(i) + j);
  });
}

// Each part's mean, and squares of what deviates from it: x is read once, a column's
// kRowsTogether / kRowThreads entries stay in the thread. parts [2 num_parts, D]: means, then
// squares.
__global__ void MomentsKernel(ConstRows x, Rows parts) {
  constexpr int kOwn = kRowsTogether / kRowThreads;
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * kRowsTogether + threadIdx.y;
  const int64_t left = x.rows - static_cast<int64_t>(blockIdx.y) * kRowsTogether;
  const float inv = 1.f / static_cast<float>(left < kRowsTogether ? left : kRowsTogether);
  float own[kOwn], sum = 0;
  for (int k = 0; k < kOwn; ++k) {
    const int64_t i = begin + k * kRowThreads;
    own[k] = i < x.rows && j < x.cols ? x(i, j) : 0;
    sum += own[k];
  }
  const float mean = SumOfColumn(sum) * inv;
  float deviations = 0, squares = 0;
  for (int k = 0; k < kOwn; ++k) {
    const float d = begin + k * kRowThreads < x.rows ? own[k] - mean : 0;
    deviations += d;
    squares += d * d;
  }
  // The mean of the deviations is what rounding took from the mean.
  const float residual = SumOfColumn(deviations) * inv;
  squares = SumOfColumn(squares) - residual * residual / inv;
  if (threadIdx.y > 0 || j >= x.cols) return;
  parts(blockIdx.y, j) = mean + residual;
  parts(gridDim.y + blockIdx.y, j) = squares;
}

// Parts together (Chan, Golub and LeVeque 1979), in double, as means may be large and differ
// little. stats: mean and rstd; variance: not yet unbiased.
__global__ void MergeMomentsKernel(ConstRows parts, int64_t rows, float eps, Rows stats,
                                   float *variance) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  const int64_t num_parts = j < parts.cols ? parts.rows / 2 : 0;
  const auto count = [rows](int64_t p) {
    const int64_t left = rows - p * kRowsTogether;
    return static_cast<double>(left < kRowsTogether ? left : kRowsTogether);
  };
  double mean = 0, squares = 0;
  for (int64_t p = threadIdx.y; p < num_parts; p += kPartThreads) mean += count(p) * parts(p, j);
  const double inv = rows > 0 ? 1. / static_cast<double>(rows) : 0;
  mean = SumOfColumn(mean) * inv;
  for (int64_t p = threadIdx.y; p < num_parts; p += kPartThreads) {
    const double d = parts(p, j) - mean;
    squares += parts(parts.rows / 2 + p, j) + count(p) * d * d;
  }
  squares = SumOfColumn(squares) * inv;
  if (threadIdx.y > 0 || j >= stats.cols) return;
  stats(0, j) = static_cast<float>(mean);
  stats(1, j) = ReciprocalStd(static_cast<float>(squares), eps);
  variance[j] = static_cast<float>(squares);
}

// One block, as one column that is not finite keeps all running values where they are. Null: none.
__global__ void MoveRunningKernel(const float *mean, const float *variance, int64_t cols,
                                  float unbias, float momentum, float *running_mean,
                                  float *running_variance) {
  float bad = 0;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x)
    bad = fabsf(mean[j]) < INFINITY && fabsf(variance[j]) < INFINITY ? bad : 1;
  if (ReduceBlock<MaxOf>(bad) > 0) return;
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
    if (running_mean != nullptr)
      running_mean[j] = fmaf(momentum, mean[j] - running_mean[j], running_mean[j]);
    if (running_variance != nullptr) {
      running_variance[j] =
          fmaf(momentum, fmaf(variance[j], unbias, -running_variance[j]), running_variance[j]);
    }
  }
}

// parts [2 num_parts, D]: sums of dy, then of dy h.
__global__ void GradientPartsKernel(ConstRows x, ConstRows stats, ConstRows dy, Rows parts) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * kRowsTogether;
  const int64_t end = begin + kRowsTogether < x.rows ? begin + kRowsTogether : x.rows;
  float sum_dy = 0, sum_dyh = 0;
  if (j < x.cols) {
    const float mean = stats(0, j), rstd = stats(1, j);
    for (int64_t i = begin + threadIdx.y; i < end; i += kRowThreads) {
      const float d = dy(i, j);
      sum_dy += d;
      sum_dyh = fmaf(d, (x(i, j) - mean) * rstd, sum_dyh);
    }
  }
  sum_dy = SumOfColumn(sum_dy);
  sum_dyh = SumOfColumn(sum_dyh);
  if (threadIdx.y > 0 || j >= x.cols) return;
  parts(blockIdx.y, j) = sum_dy;
  parts(gridDim.y + blockIdx.y, j) = sum_dyh;
}

// means [2, D] of dy and dy h; dgamma and dbeta are added to.
__global__ void MergeGradientsKernel(ConstRows parts, float inv, Rows means, Rows dgamma,
                                     Rows dbeta) {
  const int64_t j = static_cast<int64_t>(blockIdx.x) * kColumnsTogether + threadIdx.x;
  const int64_t num_parts = j < parts.cols ? parts.rows / 2 : 0;
  float sum_dy = 0, sum_dyh = 0;
  for (int64_t p = threadIdx.y; p < num_parts; p += kPartThreads) {
    sum_dy += parts(p, j);
    sum_dyh += parts(parts.rows / 2 + p, j);
  }
  sum_dy = SumOfColumn(sum_dy);
  sum_dyh = SumOfColumn(sum_dyh);
  if (threadIdx.y > 0 || j >= parts.cols) return;
  means(0, j) = sum_dy * inv;
  means(1, j) = sum_dyh * inv;
  dbeta(0, j) += sum_dy;
  dgamma(0, j) += sum_dyh;
}

// With h = (x - mean) * rstd:  dx = gamma * rstd * (dy - mean(dy) - h * mean(dy * h)), means by
// column.
template <int kWidth>
__global__ void BackwardKernel(ConstRows x, const float *gamma, ConstRows stats, ConstRows means,
                               ConstRows dy, Rows dx) {
  ForEachPack<kWidth>(dx.rows, dx.cols, [&](int64_t i, int64_t j) {
    const Pack<kWidth> v = Pack<kWidth>::Load(x.Row(i) + j);
    Pack<kWidth> d = Pack<kWidth>::Load(dy.Row(i) + j);
    for (int c = 0; c < kWidth; ++c) {
      const int64_t k = j + c;
      const float rstd = stats(1, k), h = (v.at[c] - stats(0, k)) * rstd;
      d.at[c] = gamma[k] * rstd * fmaf(-h, means(1, k), d.at[c] - means(0, k));
    }
    d.Store(dx.Row(i) + j);
  });
}

void Normalize(const char *name, ConstView x, const float *mean, const float *rstd,
               bool is_variance, float eps, ConstView gamma, ConstView beta, View y) {
  const int width = PackWidth(x, y);
  Launch(name, width == 4 ? NormalizeKernel<4> : NormalizeKernel<1>, PackGrid(width, y), 0, x, mean,
         rstd, is_variance, eps, gamma.Data(), beta.Data(), y);
}

}  // namespace

void BatchNormInference(const Context &, ConstView x, ConstView gamma, ConstView beta,
                        ConstView running_mean, ConstView running_var, float eps, View y) {
  if (x.Empty()) return;
  Normalize("BatchNormInference", x, running_mean.Data(), running_var.Data(), true, eps, gamma,
            beta, y);
}

void BatchNormForward(const Context &, ConstView x, ConstView gamma, ConstView beta, float eps,
                      float momentum, View running_mean, View running_var, View y, View stats) {
  const int64_t rows = x.Rows(), cols = x.Cols(), num_parts = NumColumnParts(rows);
  if (cols == 0) return;
  const std::shared_ptr<float> memory = AllocateFloats((2 * num_parts + 1) * cols);
  const View parts(memory.get() + cols, 2 * num_parts, cols);
  float *variance = memory.get();
  if (rows > 0) {
    Launch("BatchNormForward, moments", MomentsKernel, ColumnPartsGrid(rows, cols), kColumnBytes, x,
           parts);
  }
  Launch("BatchNormForward, merging", MergeMomentsKernel, AddPartsGrid(cols), kColumnBytes, parts,
         rows, eps, stats, variance);
  if (rows == 0) return;
  float *move_mean = running_mean.Data(), *move_var = rows > 1 ? running_var.Data() : nullptr;
  if (move_mean != nullptr || move_var != nullptr) {
    const float unbias = rows > 1 ? static_cast<float>(rows) / static_cast<float>(rows - 1) : 1;
    Launch("BatchNormForward, running", MoveRunningKernel, RowGrid(1, cols), kReduceBytes,
           stats.Row(0), variance, cols, unbias, momentum, move_mean, move_var);
  }
  Normalize("BatchNormForward", x, stats.Row(0), stats.Row(1), false, eps, gamma, beta, y);
}

void BatchNormBackward(const Context &, ConstView x, ConstView gamma, ConstView stats, ConstView dy,
                       View dx, View dgamma, View dbeta) {
  if (x.Empty()) return;
  const int64_t rows = x.Rows(), cols = x.Cols(), num_parts = NumColumnParts(rows);
  const std::shared_ptr<float> memory = AllocateFloats((2 * num_parts + 2) * cols);
  const View means(memory.get(), 2, cols), parts(memory.get() + 2 * cols, 2 * num_parts, cols);
  Launch("BatchNormBackward, sums", GradientPartsKernel, ColumnPartsGrid(rows, cols), kColumnBytes,
         x, stats, dy, parts);
  Launch("BatchNormBackward, merging", MergeGradientsKernel, AddPartsGrid(cols), kColumnBytes,
         parts, 1.f / static_cast<float>(rows), means, dgamma, dbeta);
  const int width = PackWidth(x, dy, dx);
  Launch("BatchNormBackward", width == 4 ? BackwardKernel<4> : BackwardKernel<1>,
         PackGrid(width, dx), 0, x, gamma.Data(), stats, means, dy, dx);
}

}  // namespace cuda
}  // namespace u2moe
