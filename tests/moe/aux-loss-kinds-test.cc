// The losses on routers one by one: against naive formulas in double with their gradients, what
// ../shared/design/moe-systems.md says of each, and awkward cases.
#include <cmath>
#include <limits>

#include "moe/aux-loss.h"
#include "moe/ref/aux-loss.h"
#include "moe/topology.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

using Experts = std::vector<int32_t>;

RoutedLayer Layer(const Tensor &logits, const Experts &experts) {
  RoutedLayer layer;
  layer.routes.max_slots =
      static_cast<int>(static_cast<int64_t>(experts.size()) / std::max<int64_t>(1, logits.Rows()));
  layer.routes.logits = logits;
  layer.routes.experts.assign(experts.begin(), experts.end());
  layer.routes.gates.assign(experts.size(), 0);
  return layer;
}

// The n experts with the largest logits of each row.
Experts Largest(const Tensor &logits, int n) {
  Experts experts;
  for (int64_t t = 0; t < logits.Rows(); ++t) {
    std::vector<bool> taken(static_cast<size_t>(logits.Cols()), false);
    for (int i = 0; i < n; ++i) {
      int32_t best = -1;
      for (int32_t e = 0; e < logits.Cols(); ++e) {
        if (!taken[static_cast<size_t>(e)] && (best < 0 || logits(t, e) > logits(t, best)))
          best = e;
      }
      taken[static_cast<size_t>(best)] = true;
      experts.push_back(best);
    }
  }
  return experts;
}

Tensor Certain(int64_t rows, int64_t num_experts, bool one) {
  Tensor logits = Tensor::Zeros(rows, num_experts);
  for (int64_t t = 0; t < rows; ++t) logits(t, one ? 0 : t % num_experts) = 60;
  return logits;
}

const Topology &Uneven() {
  static const Topology topology = ParseTopology("beta\n1 3\n4 2\n", "two ranks");
  return topology;
}

struct Kind {
  const char *name;
  double (*loss)(const RoutedLayer &layer, double scale, View dlogits);
  double (*ref)(const RefMatrix &logits, const Experts &experts);
};

const Kind kKinds[] = {
    {"importance", ImportanceLoss, ref::ImportanceLoss<double>},
    {"load", LoadLoss,
     [](const RefMatrix &logits, const Experts &experts) {
       return ref::LoadLoss(logits, experts, 1 / static_cast<double>(logits.cols));
     }},
    {"sparsity", SparsityLoss, ref::SparsityLoss<double>},
    {"mean-importance", MeanImportanceLoss, ref::MeanImportanceLoss<double>},
    {"topology", TopologyLoss,
     [](const RefMatrix &logits, const Experts &experts) {
       // Rank 1 is 4 from the first half of the experts and 2 from the second; mean 1.
       std::vector<double> penalties;
       for (int64_t e = 0; e < logits.cols; ++e)
         penalties.push_back(2 * e < logits.cols ? 4.0 / 3 : 2.0 / 3);
       return ref::TopologyLoss(logits, experts, penalties);
     }},
    {"entropy", EntropyLoss, ref::EntropyLoss<double>},
};

TEST(AuxLossKinds, ValueAndGradientAreTheReference) {
  Rng rng(11);
  for (const Kind &kind : kKinds) {
    for (const int num_experts : {2, 4, 6}) {
      for (const int n : {1, 2, num_experts}) {
        for (const int64_t rows : {int64_t{1}, int64_t{7}}) {
          SCOPED_TRACE(Cat(kind.name, " ", n, " of ", num_experts, ", ", rows, " rows"));
          const Tensor logits = RandomTensor(&rng, rows, num_experts, 0.7f);
          Experts experts = Largest(logits, n);
          if (rows > 1) {  // a row without experts, and one with fewer
            std::fill_n(experts.begin() + 3 * n, n, -1);
            std::fill_n(experts.begin() + 5 * n + 1, n - 1, -1);
          }
          RoutedLayer layer = Layer(logits, experts);
          layer.topology = &Uneven();
          layer.rank = 1;
          RefMatrix x(logits);
          const double scale = 1.3;
          Tensor dlogits = Tensor::Zeros(rows, num_experts);
          const double value = kind.loss(layer, scale, dlogits), want = kind.ref(x, experts);
          EXPECT_NEAR(value, want, 1e-9 * (1 + std::fabs(want)));
          EXPECT_EQ(kind.loss(layer, scale, View()), value);
          // The noise of load is as small as 1 / E: differences want small steps, as the
          // reference takes them.
          EXPECT_LT(GradientError([&] { return scale * kind.ref(x, experts); }, &x, dlogits), 2e-5);
          // It adds.
          Tensor twice = dlogits;
          kind.loss(layer, scale, twice);
          for (int64_t i = 0; i < twice.Size(); ++i)
            EXPECT_NEAR(twice.Data()[i], 2 * dlogits.Data()[i], 1e-6);
        }
      }
    }
  }
}

TEST(AuxLossKinds, NothingToSayOfNoRows) {
  for (const Kind &kind : kKinds) {
    Tensor dlogits = Tensor::Zeros(2, 4);
    EXPECT_EQ(kind.loss(Layer(Tensor(0, 4), {}), 1, Tensor(0, 4)), 0) << kind.name;
    EXPECT_EQ(kind.loss(Layer(Tensor::Zeros(2, 4), {-1, -1, -1, -1}), 1, dlogits), 0) << kind.name;
    EXPECT_EQ(MaxAbsDiff(dlogits, Tensor::Zeros(2, 4)), 0) << kind.name;
  }
}

// Logits that are far apart, equal, or as large as floats: finite, and nothing to learn from where
// a change of them changes nothing.
TEST(AuxLossKinds, FarLogits) {
  for (const Kind &kind : kKinds) {
    for (const float far : {0.0f, 100.0f, 1e30f}) {
      Tensor logits = Tensor::Zeros(5, 4), dlogits = Tensor::Zeros(5, 4);
      for (int64_t t = 0; t < 5; ++t) logits(t, t % 4) = t == 4 ? -far : far;
      const double value = kind.loss(Layer(logits, Largest(logits, 2)), 1, dlogits);
      EXPECT_TRUE(std::isfinite(value)) << kind.name << " " << far;
      for (int64_t i = 0; i < dlogits.Size(); ++i)
        EXPECT_TRUE(std::isfinite(dlogits.Data()[i])) << kind.name << " " << far;
    }
  }
}

TEST(AuxLossKinds, NanInNanOut) {
  for (const Kind &kind : kKinds) {
    Tensor logits = Tensor::Zeros(3, 4);
    logits(1, 2) = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(kind.loss(Layer(logits, {0, 1, 0, 1, 0, 1}), 1, View()))) << kind.name;
  }
}

// Experts that are closed to a row have logits of -infinity: they are as if they were not there.
TEST(AuxLossKinds, ClosedExperts) {
  Rng rng(8);
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor few = RandomTensor(&rng, 6, 3);
  Tensor logits(6, 5);
  for (int64_t t = 0; t < 6; ++t) {
    for (int64_t e = 0; e < 5; ++e) logits(t, e) = e < 3 ? few(t, e) : -inf;
  }
  for (const Kind &kind : kKinds) {
    Tensor d = Tensor::Zeros(6, 5), want = Tensor::Zeros(6, 3);
    const double value = kind.loss(Layer(logits, Largest(few, 2)), 1, d);
    EXPECT_TRUE(std::isfinite(value)) << kind.name;
    for (int64_t t = 0; t < 6; ++t) {
      for (int64_t e = 0; e < 5; ++e) {
        EXPECT_TRUE(std::isfinite(d(t, e))) << kind.name;
        if (e >= 3) {
          EXPECT_EQ(d(t, e), 0) << kind.name;
        }
      }
    }
    if (kind.loss != EntropyLoss && kind.loss != SparsityLoss) continue;
    EXPECT_NEAR(kind.loss(Layer(few, Largest(few, 2)), 1, want), value, 1e-9) << kind.name;
    EXPECT_LT(MaxAbsDiff(d.View().ColRange(0, 3), want), 1e-6) << kind.name;
  }
}

// What the specification says of SpeechMoE's: one-hot rows have sparsity 1, equal probabilities
// sqrt(E); mean importance is 1 where even, E where one expert has all. Of top-p's: 0 and log E.
TEST(AuxLossKinds, KnownValues) {
  const Experts none_matters = {0, 1, 2, 3, 0, 1, 2, 3};
  const RoutedLayer even = Layer(Tensor::Zeros(8, 4), none_matters),
                    spread = Layer(Certain(8, 4, false), none_matters),
                    one = Layer(Certain(8, 4, true), Experts(8, 0));
  EXPECT_NEAR(SparsityLoss(spread, 1, View()), 1, 1e-9);
  EXPECT_NEAR(SparsityLoss(even, 1, View()), 2, 1e-9);
  EXPECT_NEAR(MeanImportanceLoss(even, 1, View()), 1, 1e-9);
  EXPECT_NEAR(MeanImportanceLoss(spread, 1, View()), 1, 1e-9);
  EXPECT_NEAR(MeanImportanceLoss(one, 1, View()), 4, 1e-9);
  EXPECT_NEAR(ImportanceLoss(even, 1, View()), 0, 1e-9);
  EXPECT_NEAR(ImportanceLoss(one, 1, View()), 3, 1e-9);
  EXPECT_NEAR(EntropyLoss(even, 1, View()), std::log(4.), 1e-9);
  EXPECT_NEAR(EntropyLoss(one, 1, View()), 0, 1e-9);
  // V-MoE's load is 0 where all are as likely.
  EXPECT_NEAR(LoadLoss(even, 1, View()), 0, 1e-9);
  EXPECT_NEAR(LoadLoss(spread, 1, View()), 0, 1e-9);
  EXPECT_NEAR(LoadLoss(one, 1, View()), 3, 1e-9);
}

// Load tends to the counts of the chosen as the noise vanishes: which is the same as logits that
// grow.
TEST(AuxLossKinds, LoadTendsToCounts) {
  Rng rng(5);
  const Tensor logits = RandomTensor(&rng, 40, 4);
  const Experts experts = Largest(logits, 2);
  std::vector<double> counts(4, 0);
  for (const int32_t e : experts) counts[static_cast<size_t>(e)] += 1;
  const double hard = ref::SquaredVariation(counts);
  double before = std::numeric_limits<double>::infinity();
  for (const float factor : {1.0f, 100.0f, 1e6f}) {
    Tensor sharper = logits;
    for (int64_t i = 0; i < sharper.Size(); ++i) sharper.Data()[i] *= factor;
    const double off = std::fabs(LoadLoss(Layer(sharper, experts), 1, View()) - hard);
    EXPECT_LT(off, before);
    before = off;
  }
  EXPECT_LT(before, 1e-9);
}

// A network whose links are alike gives the balance loss, to the bit, with its gradient; so does no
// network.
TEST(AuxLossKinds, EvenTopologyIsTheBalanceLoss) {
  Rng rng(6);
  for (const int ranks : {1, 2, 3, 6}) {
    std::string text = "beta\n";
    for (int i = 0; i < ranks; ++i) {
      for (int j = 0; j < ranks; ++j) text += "0.3 ";
      text += "\n";
    }
    const Topology even = ParseTopology(text, "even");
    const Tensor logits = RandomTensor(&rng, 9, 6);
    const RoutedLayer plain = Layer(logits, Largest(logits, 2));
    Tensor want = Tensor::Zeros(9, 6);
    const double value = BalanceLoss(plain, 0.7, want);
    for (const Topology *topology : {&even, static_cast<const Topology *>(nullptr)}) {
      for (int rank = 0; rank < ranks; ++rank) {
        RoutedLayer layer = plain;
        layer.topology = topology;
        layer.rank = rank;
        Tensor dlogits = Tensor::Zeros(9, 6);
        EXPECT_EQ(TopologyLoss(layer, 0.7, dlogits), value);
        EXPECT_EQ(MaxAbsDiff(dlogits, want), 0);
      }
    }
  }
}

// All of them at once: by the registry's names, with their weights, layer by layer.
TEST(AuxLossKinds, TheRegistryWeighsThem) {
  Rng rng(7);
  const Tensor logits = RandomTensor(&rng, 5, 4);
  RoutedLayer layer = Layer(logits, Largest(logits, 2));
  layer.mixture = 3;
  layer.weights.importance = 0.5f;
  layer.weights.load = 0.25f;
  layer.weights.sparsity = 2;
  layer.weights.mean_importance = 4;
  layer.weights.topology = 8;
  layer.weights.entropy = 16;
  RoutingState routing;
  routing.layers = {layer, layer};
  routing.layers[1].mixture = 5;
  routing.topology = &Uneven();
  routing.rank = 1;
  const std::vector<AuxLoss> losses = ComputeAuxLosses(Context(), 1, &routing);
  ASSERT_EQ(losses.size(), std::size(kKinds));
  for (size_t i = 0; i < losses.size(); ++i) {
    SCOPED_TRACE(losses[i].name);
    EXPECT_EQ(losses[i].name, kKinds[i].name);
    const double value = kKinds[i].loss(routing.layers[0], 1, View());
    const double weight = i < 2 ? 0.5 / static_cast<double>(1 + i) : std::pow(2, i - 1.0);
    EXPECT_NEAR(losses[i].sum, 2 * value, 1e-12);
    EXPECT_NEAR(losses[i].weighted, 2 * weight * value, 1e-12);
    ASSERT_EQ(losses[i].layers.size(), 2u);
    EXPECT_EQ(losses[i].layers[0], std::make_pair(3, value));
    EXPECT_EQ(losses[i].layers[1], std::make_pair(5, value));
  }
}

}  // namespace
}  // namespace u2moe
