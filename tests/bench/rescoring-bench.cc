// Rescoring one utterance of 10 s with the decoders of Dense-225M (3 + 3 blocks, D 640, F 2560, 10
// heads, 8192 units), one thread, float32: `rescoring-bench [hypotheses]`. As a tree, and as it
// would be with each hypothesis on its own rows, beside the rate of sgemm in the same run. Lists:
//   search    the n-best list of a prefix beam search over random posteriors of 30 labels
//   distinct  hypotheses that have nothing in common: the worst case
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/timer.h"
#include "bench/random-rows.h"
#include "decode/ctc-search.h"
#include "model/decoder.h"
#include "ops/softmax.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 640, kHidden = 2560, kVocab = 8192, kFrames = 250, kBlocks = 3;
using Labels = std::vector<std::vector<int32_t>>;

double BestSeconds(const std::function<void()> &fn) {
  double best = 1e9;
  for (int n = 0; n < 5; ++n) {
    const double begin = ThreadCpuSeconds();
    fn();
    best = std::min(best, ThreadCpuSeconds() - begin);
  }
  return best;
}

// 30 labels over the utterance, each spike with a few rivals of random strength.
Labels SearchedList(Rng *rng, int size) {
  Tensor x = RandomRows(rng, kFrames, kVocab);
  for (int64_t t = 0; t < kFrames; ++t) {
    x(t, 0) += 18;
    if (t % 8 != 4 || t / 8 >= 30) continue;
    x(t, rng->UniformInt(1, kVocab - 1)) += 24;
    for (int r = 0; r < 3; ++r) {
      x(t, rng->UniformInt(1, kVocab - 1)) += static_cast<float>(rng->Uniform(8, 24));
    }
  }
  LogSoftmaxForward(Context(), x, x);
  CtcSearchOptions opts;
  opts.beam = opts.nbest = size;
  Labels labels;
  for (CtcHypothesis &h : CtcDecode(x, size, MakeCtcSearch(opts).get())) {
    labels.push_back(std::move(h.tokens));
  }
  return labels;
}

Labels DistinctList(Rng *rng, int size) {
  Labels labels(static_cast<size_t>(size), std::vector<int32_t>(30));
  for (auto &l : labels) {
    for (int32_t &label : l) label = static_cast<int32_t>(rng->UniformInt(1, kVocab - 1));
  }
  return labels;
}

// Multiplications and additions of one decoder for so many rows: linear maps and attention.
double Flops(double rows) {
  const double d = kDim, block = 2 * rows * (6 * d * d + 2 * d * kHidden) +  // maps of the rows
                                 2 * kFrames * 2 * d * d + 4 * rows * kFrames * d;
  return kBlocks * block + 2 * rows * d * kVocab;
}

}  // namespace

int Run(int argc, char *argv[]) {
  const int size = argc > 1 ? std::atoi(argv[1]) : 10;
  const Context ctx;
  Rng rng(1);
  DecoderConfig config;
  config.num_heads = 10;
  config.ffn.hidden_dim = kHidden;
  Decoder plain(config, kBlocks, kDim, kVocab);
  ForEachParam(&plain, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = 0.03f * static_cast<float>(rng.Normal());
  });
  Decoder decoder = std::move(plain);
  ForEachParamOrPacked(
      &decoder, [](const std::string &, Tensor *, bool) {},
      [](const std::string &, Tensor *weight, PackedMatrix *packed) {
        *packed = PackedMatrix::Pack(*weight, WeightFormat::kFloat32);
        *weight = Tensor();
      });
  const Tensor encoded = RandomRows(&rng, kFrames, kDim), a = RandomRows(&rng, 1000, kDim),
               b = RandomRows(&rng, kHidden, kDim);
  Tensor c(1000, kHidden);
  const double sgemm = 2e-9 * 1000 * kDim * kHidden /
                       BestSeconds([&] { Gemm(ctx, 1, a, Trans::kNo, b, Trans::kYes, 0, c); });
  std::printf("%s\nsgemm %.1f GFLOP/s\n%-9s %-12s %6s %9s %9s %10s %9s %8s\n",
              DescribeMachine().c_str(), sgemm, "list", "computed", "rows", "ms", "GFLOP",
              "GFLOP/s", "of sgemm", "of plain");
  for (const char *kind : {"search", "distinct"}) {
    const Labels labels =
        kind == std::string("search") ? SearchedList(&rng, size) : DistinctList(&rng, size);
    const std::vector<int> memory(labels.size(), 0);
    double plain_seconds = 0;
    for (const bool as_tree : {false, true}) {
      double seconds = 0, gflop = 0;
      int64_t rows = 0;
      for (const bool reverse : {false, true}) {
        const TokenTree tree = MakeTokenTree(labels, kVocab - 1, reverse);
        const DecoderInput input = MakeDecoderInput(labels, memory, kVocab - 1, reverse);
        seconds += BestSeconds([&] {
          if (as_tree) {
            decoder.ScoreTree(ctx, tree, kVocab - 1, encoded);
            return;
          }
          Tensor logp;
          decoder.Forward(ctx, input, encoded, RaggedShape::Single(kFrames), nullptr, nullptr,
                          &logp, nullptr);
          LogSoftmaxForward(ctx, logp, logp);
        });
        const int64_t count = as_tree ? tree.NumNodes() : tree.sequence_nodes;
        rows += count;
        gflop += 1e-9 * Flops(static_cast<double>(count));
      }
      if (!as_tree) plain_seconds = seconds;
      std::printf("%-9s %-12s %6lld %9.1f %9.2f %10.1f %8.0f%% %8.2f\n", kind,
                  as_tree ? "as a tree" : "one by one", static_cast<long long>(rows), 1e3 * seconds,
                  gflop, gflop / seconds, 100 * gflop / seconds / sgemm, seconds / plain_seconds);
    }
  }
  return 0;
}

}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
