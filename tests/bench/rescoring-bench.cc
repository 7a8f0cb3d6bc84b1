// Rescoring one utterance of 10 s with the decoders of Dense-225M (3 + 3 blocks, D 640, F 2560, 10
// heads, 8192 units), one thread: each hypothesis on its own rows, all as trees, and as trees
// without reading from right to left what cannot win, beside the rate of sgemm in the same run.
// Lists:
//   search    the n-best list of a prefix beam search over random posteriors of 30 labels
//   distinct  hypotheses that have nothing in common: the worst case
//   read      real ones, and what a trained model thinks of them, if given: those of about 30
//   labels
// Usage: rescoring-bench [format [nbest-tokens-rspecifier components-rspecifier]]
//   e.g. attention-rescore --components=ark:c.ark MODEL ark:enc.ark ark:nbest.ark ark:scores.ark
//   ark:best.ark
//        rescoring-bench int8 ark:nbest.ark ark:c.ark
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "base/timer.h"
#include "bench/random-rows.h"
#include "decode/ctc-search.h"
#include "decode/rescoring.h"
#include "model/decoder.h"
#include "ops/softmax.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "tensor/gemm.h"

namespace u2moe {
namespace {

constexpr int64_t kDim = 640, kHidden = 2560, kVocab = 8192, kFrames = 250, kBlocks = 3;
using Labels = std::vector<std::vector<int32_t>>;

double BestSeconds(const std::function<void()> &fn) {
  double best = 1e9;
  for (int n = 0; n < 3; ++n) {
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

// A list and its scores.
struct List {
  Labels labels;
  std::vector<double> left_to_right, right_to_left, ctc;
};

// Lists of at least five hypotheses whose first has 28 to 32 labels, as many as there are up to 30.
std::vector<List> ReadLists(const std::string &nbest, const std::string &components) {
  std::map<std::string, List> lists;
  SequentialInt32VectorReader labels(nbest);
  SequentialDoubleVectorReader scores(components);
  for (; !labels.Done(); labels.Next(), scores.Next()) {
    if (scores.Done() || scores.Key() != labels.Key() || scores.Value().size() != 3)
      throw DataError(components, ": not the components of ", nbest, " in both directions");
    List &list = lists[labels.Key().substr(0, labels.Key().rfind('-'))];
    list.labels.push_back(labels.Value());
    list.left_to_right.push_back(scores.Value()[0]);
    list.ctc.push_back(scores.Value()[1]);
    list.right_to_left.push_back(scores.Value()[2]);
  }
  std::vector<List> chosen;
  for (const auto &[key, list] : lists) {
    const size_t length = list.labels[0].size();
    if (length >= 28 && length <= 32 && list.labels.size() >= 5 && chosen.size() < 30) {
      chosen.push_back(list);
    }
  }
  if (chosen.empty()) throw DataError(nbest, ": no lists of about 30 labels");
  return chosen;
}

// Does the work of the decoder, and says what the list says.
class ListScorer : public Scorer {
 public:
  ListScorer(const Decoder &decoder, ConstView encoded, const List &list)
      : decoder_(decoder), encoded_(encoded), list_(list) {}
  bool HasRightToLeft() const override { return true; }
  std::unique_ptr<HypothesisScorer> LeftToRight(ConstView) const override {
    return std::make_unique<Direction>(*this, false);
  }
  std::unique_ptr<HypothesisScorer> RightToLeft(ConstView) const override {
    return std::make_unique<Direction>(*this, true);
  }
  mutable int64_t rows = 0;

 private:
  class Direction : public HypothesisScorer {
   public:
    Direction(const ListScorer &scorer, bool reverse)
        : scorer_(scorer),
          reverse_(reverse),
          memory_(scorer.decoder_.Project(Context(), scorer.encoded_)) {}
    std::vector<double> Score(const Labels &hyps) const override {
      const TokenTree tree = MakeTokenTree(hyps, kVocab - 1, reverse_);
      scorer_.decoder_.ScoreTree(Context(), tree, kVocab - 1, memory_);
      scorer_.rows += tree.NumNodes();
      const List &list = scorer_.list_;
      std::vector<double> scores;
      for (const auto &hyp : hyps) {
        const auto at = std::find(list.labels.begin(), list.labels.end(), hyp);
        scores.push_back(
            (reverse_ ? list.right_to_left : list.left_to_right)[at - list.labels.begin()]);
      }
      return scores;
    }

   private:
    const ListScorer &scorer_;
    bool reverse_;
    Decoder::Memory memory_;
  };

  const Decoder &decoder_;
  ConstView encoded_;
  const List &list_;
};

struct Cost {
  double seconds = 0, gflop = 0;
  int64_t rows = 0;
};

// Each hypothesis on its own rows, in both directions.
Cost OneByOne(const Decoder &decoder, ConstView encoded, const Labels &labels) {
  const Context ctx;
  Cost cost;
  for (const bool reverse : {false, true}) {
    const DecoderInput input =
        MakeDecoderInput(labels, std::vector<int>(labels.size(), 0), kVocab - 1, reverse);
    cost.seconds += BestSeconds([&] {
      Tensor logp;
      decoder.Forward(ctx, input, encoded, RaggedShape::Single(kFrames), nullptr, nullptr, &logp,
                      nullptr);
      LogSoftmaxForward(ctx, logp, logp);
    });
    cost.rows += input.shape.TotalRows();
    cost.gflop += 1e-9 * Flops(static_cast<double>(input.shape.TotalRows()));
  }
  return cost;
}

Cost AsTrees(const Decoder &decoder, ConstView encoded, const List &list, bool only_contenders) {
  const ListScorer scorer(decoder, encoded, list);
  Cost cost;
  cost.seconds = BestSeconds([&] {
    scorer.rows = 0;
    if (only_contenders) {
      ScoreContenders(scorer, {RescoringOptions()}, encoded, list.labels, list.ctc);
    } else {
      ScoreHypotheses(scorer, true, encoded, list.labels, list.ctc);
    }
  });
  cost.rows = scorer.rows;
  // Both directions project the encoder output.
  cost.gflop = 1e-9 * (Flops(static_cast<double>(scorer.rows)) + Flops(0));
  return cost;
}

}  // namespace

int Run(int argc, char *argv[]) {
  const WeightFormat format = ParseWeightFormat(argc > 1 ? argv[1] : "float32");
  const Context ctx;
  Rng rng(1);
  DecoderConfig config;
  config.num_heads = 10;
  config.ffn.hidden_dim = kHidden;
  Decoder decoder(config, kBlocks, kDim, kVocab);
  ForEachParam(&decoder, [&](const std::string &, Tensor *t, const ParamInit &, bool) {
    for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] = 0.03f * static_cast<float>(rng.Normal());
  });
  ForEachParamOrPacked(
      &decoder, [](const ParamInfo &, Tensor *) {},
      [&](const ParamInfo &, Tensor *weight, PackedMatrix *packed) {
        *packed = PackedMatrix::Pack(*weight, format, format == WeightFormat::kInt4 ? 64 : 0);
        *weight = Tensor();
      });
  const Tensor encoded = RandomRows(&rng, kFrames, kDim), a = RandomRows(&rng, 1000, kDim),
               b = RandomRows(&rng, kHidden, kDim);
  Tensor c(1000, kHidden);
  const double sgemm = 2e-9 * 1000 * kDim * kHidden /
                       BestSeconds([&] { Gemm(ctx, 1, a, Trans::kNo, b, Trans::kYes, 0, c); });
  std::vector<std::pair<std::string, std::vector<List>>> kinds;
  for (const char *kind : {"search", "distinct"}) {
    const Labels labels =
        kind == std::string("search") ? SearchedList(&rng, 10) : DistinctList(&rng, 10);
    const std::vector<double> even(labels.size(), 0);  // all contend
    kinds.push_back({kind, {List{labels, even, even, even}}});
  }
  if (argc > 3) kinds.push_back({"read", ReadLists(argv[2], argv[3])});
  std::printf("%s; %s\nsgemm %.1f GFLOP/s; times and rows per list, both directions\n",
              DescribeMachine().c_str(), ToString(format).c_str(), sgemm);
  std::printf("%-9s %5s %-12s %6s %9s %9s %10s %9s %8s\n", "list", "lists", "computed", "rows",
              "ms", "GFLOP", "GFLOP/s", "of sgemm", "of plain");
  for (const auto &[kind, lists] : kinds) {
    double plain_seconds = 0;
    for (const char *how : {"one by one", "as trees", "contenders"}) {
      Cost sum;
      for (const List &list : lists) {
        const Cost cost = how[0] == 'o' ? OneByOne(decoder, encoded, list.labels)
                                        : AsTrees(decoder, encoded, list, how[0] == 'c');
        sum.seconds += cost.seconds;
        sum.gflop += cost.gflop;
        sum.rows += cost.rows;
      }
      if (how[0] == 'o') plain_seconds = sum.seconds;
      const double n = static_cast<double>(lists.size());
      std::printf("%-9s %5zu %-12s %6.0f %9.1f %9.2f %10.1f %8.0f%% %8.2f\n", kind.c_str(),
                  lists.size(), how, static_cast<double>(sum.rows) / n, 1e3 * sum.seconds / n,
                  sum.gflop / n, sum.gflop / sum.seconds, 100 * sum.gflop / sum.seconds / sgemm,
                  sum.seconds / plain_seconds);
    }
  }
  return 0;
}

}  // namespace u2moe

int main(int argc, char *argv[]) { return u2moe::Run(argc, argv); }
