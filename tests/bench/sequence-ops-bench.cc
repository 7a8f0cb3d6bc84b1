// Rates of the ops on sequences, beside what Gemm reaches on the same machine in the same run.
// One thread; the best of several rounds, since other processes only ever add time.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>

#include "base/rng.h"
#include "base/timer.h"
#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/ctc-loss.h"
#include "ops/depthwise-conv.h"
#include "ops/label-smoothing-loss.h"
#include "ops/softmax.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

Rng rng(1);
std::string filter;  // the first argument: only what contains it

Tensor Random(int64_t rows, int64_t cols) {
  Tensor x(rows, cols);
  for (int64_t i = 0; i < x.Size(); ++i) x.Data()[i] = static_cast<float>(rng.Normal());
  return x;
}

// Microseconds of one call, of processor time.
double Time(const std::function<void()> &f) {
  double best = std::numeric_limits<double>::infinity();
  f();
  double total = 0;
  for (int round = 0; round < 12 && total < 0.5; ++round) {
    int64_t calls = 0;
    const double begin = ThreadCpuSeconds();
    double seconds = 0;
    do {
      f();
      ++calls;
      seconds = ThreadCpuSeconds() - begin;
    } while (seconds < 0.01);
    total += seconds;
    best = std::min(best, seconds / static_cast<double>(calls) * 1e6);
  }
  return best;
}

// flops: multiplications and additions that the formula needs; 0 where they do not count.
void Report(const std::string &name, double flops, const std::function<void()> &f) {
  if (name.find(filter) == std::string::npos) return;
  const double us = Time(f);
  if (flops > 0) {
    std::printf("%-64s %10.1f us %8.1f GFLOP/s\n", name.c_str(), us, flops / us / 1e3);
  } else {
    std::printf("%-64s %10.1f us\n", name.c_str(), us);
  }
}

void BenchGemm(const Context &ctx, int64_t m, int64_t n, int64_t k) {
  Tensor a = Random(m, k), b = Random(n, k), c(m, n);
  Report(Cat("gemm ", m, "x", n, "x", k), 2.0 * m * n * k,
         [&] { Gemm(ctx, 1, a, Trans::kNo, b, Trans::kYes, 0, c); });
}

void BenchAttention(const Context &ctx, int64_t tq, int64_t tk, int heads, int64_t dk,
                    int64_t chunk, int64_t left) {
  const AttentionMask mask = AttentionMask::Chunk(chunk, left);
  const int64_t dim = heads * dk;
  Tensor q = Random(tq, dim), k = Random(tk, dim), v = Random(tk, dim), bias = Random(tk, heads),
         y(tq, dim), probs;
  double pairs = 0;
  for (int64_t i = 0; i < tq; ++i) pairs += static_cast<double>(mask.End(i, tk) - mask.Begin(i));
  const double flops = 4 * pairs * static_cast<double>(dim);
  const std::string shape = Cat(" ", tq, "x", tk, " heads ", heads, "x", dk,
                                chunk > 0 ? Cat(" chunk ", chunk, ",", left) : "");
  Report("attention forward" + shape, flops,
         [&] { AttentionForward(ctx, heads, mask, q, k, v, bias, y, nullptr); });
  if (tq < 30 || tq > 1000) return;
  Report("attention forward, probs" + shape, flops,
         [&] { AttentionForward(ctx, heads, mask, q, k, v, bias, y, &probs); });
  AttentionForward(ctx, heads, mask, q, k, v, bias, y, &probs);
  Tensor dq(tq, dim), dk_(tk, dim), dv(tk, dim), dbias(tk, heads), dy = Random(tq, dim);
  Report("attention backward" + shape, 2 * flops,
         [&] { AttentionBackward(ctx, heads, q, k, v, probs, dy, dq, dk_, dv, dbias); });
}

void BenchDepthwiseConv(const Context &ctx, int64_t rows, int64_t dim, int64_t taps) {
  Tensor x = Random(rows + taps - 1, dim), w = Random(dim, taps), b = Random(1, dim), y(rows, dim);
  Tensor dy = Random(rows, dim), dx(rows + taps - 1, dim), dw = Tensor::Zeros(dim, taps),
         db = Tensor::Zeros(1, dim);
  const double flops = 2.0 * static_cast<double>(rows * dim * taps);
  const std::string shape = Cat(" ", rows, "x", dim, " kernel ", taps);
  Report("depthwise-conv forward" + shape, flops, [&] { DepthwiseConvForward(ctx, x, w, b, y); });
  Report("depthwise-conv backward" + shape, 2 * flops,
         [&] { DepthwiseConvBackward(ctx, x, w, dy, dx, dw, db); });
}

void BenchConv2d(const Context &ctx, int64_t time, int64_t freq, int64_t in, int64_t out) {
  Conv2dShape s;
  s.in_channels = in;
  s.out_channels = out;
  s.in_freq = freq;
  const int64_t rows = s.OutTime(time) * s.OutFreq();
  Tensor x = Random(time * freq, in), w = Random(out, s.PatchSize()), b = Random(1, out),
         y(rows, out);
  Tensor dy = Random(rows, out), dx(time * freq, in), dw = Tensor::Zeros(out, s.PatchSize());
  Tensor db = Tensor::Zeros(1, out);
  const double flops = 2.0 * static_cast<double>(rows * out * s.PatchSize());
  const std::string shape = Cat(" ", time, "x", freq, " channels ", in, " to ", out);
  Report("conv2d forward" + shape, flops, [&] { Conv2dForward(ctx, s, x, w, b, y); });
  Report("conv2d backward, weights only" + shape, flops,
         [&] { Conv2dBackward(ctx, s, x, w, dy, View(), dw, db); });
  if (in == 1) return;  // nobody asks for the gradient of the features
  Report("conv2d backward" + shape, 2 * flops,
         [&] { Conv2dBackward(ctx, s, x, w, dy, dx, dw, db); });
}

void BenchLosses(const Context &ctx, int64_t frames, int64_t labels, int64_t vocabulary) {
  Tensor logits = Random(frames, vocabulary), logp(frames, vocabulary), d(frames, vocabulary);
  LogSoftmaxForward(ctx, logits, logp);
  std::vector<int32_t> y;
  for (int64_t i = 0; i < frames; ++i)
    y.push_back(static_cast<int32_t>(rng.UniformInt(1, vocabulary - 1)));
  Report(Cat("label smoothing ", frames, "x", vocabulary), 0,
         [&] { LabelSmoothingLoss(ctx, logits, y, 0.1f, 1, d, nullptr); });
  y.resize(static_cast<size_t>(labels));
  Report(Cat("ctc ", frames, "x", vocabulary, " labels ", labels), 0,
         [&] { CtcLoss(ctx, logp, y, 0, 1, d); });
}

int Run() {
  const Context ctx;
  std::printf("%s, one thread\n", DescribeMachine().c_str());
  BenchGemm(ctx, 1000, 384, 96);
  BenchGemm(ctx, 1000, 96, 864);
  BenchGemm(ctx, 250, 2560, 640);
  BenchGemm(ctx, 2000, 640, 5760);
  BenchAttention(ctx, 30, 30, 4, 24, 0, -1);
  BenchAttention(ctx, 100, 100, 4, 24, 0, -1);
  BenchAttention(ctx, 100, 100, 4, 24, 16, 1);
  BenchAttention(ctx, 250, 250, 10, 64, 0, -1);
  BenchAttention(ctx, 16, 80, 10, 64, 0, -1);
  BenchAttention(ctx, 1, 250, 10, 64, 0, -1);
  BenchAttention(ctx, 4000, 4000, 4, 64, 0, -1);
  BenchAttention(ctx, 4000, 4000, 4, 64, 16, 4);
  BenchDepthwiseConv(ctx, 100, 96, 8);
  BenchDepthwiseConv(ctx, 250, 640, 15);
  BenchConv2d(ctx, 400, 40, 1, 96);
  BenchConv2d(ctx, 199, 19, 96, 96);
  BenchConv2d(ctx, 1000, 80, 1, 640);
  BenchConv2d(ctx, 249, 39, 640, 640);
  BenchLosses(ctx, 60, 15, 100);
  BenchLosses(ctx, 250, 40, 8192);
  return 0;
}

}  // namespace
}  // namespace u2moe

int main(int argc, char **argv) {
  if (argc > 1) u2moe::filter = argv[1];
  return u2moe::Run();
}
