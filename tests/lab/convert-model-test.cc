// What conversions promise: equal models where mathematics says so, the right experts, messages for
// models of the wrong kind.
#include <cmath>
#include <numeric>

#include "lab/convert-test.h"
#include "lab/expert-mean.h"
#include "lab/route-report.h"

namespace u2moe {
namespace {

// T1 of every method that copies.
TEST(Upcycle, IsTheDenseModel) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 1);
  for (const char *mixture :
       {"", "router=rmoe,router-dim=3", "router=shared-topk",
        "router=noisy-topk,experts-per-frame=3", "bank=shared-plus-routed,shared-experts=2"}) {
    ConvertOptions opts = Method("upcycle", 4);
    opts.mixture = mixture;
    const std::unique_ptr<AsrModel> moe = Convert(opts, dense.get());
    EXPECT_EQ(moe->Config().encoder.NumMixtures(), 4) << mixture;
    EXPECT_EQ(moe->Config().decoder.ffn.num_experts, 4) << mixture;
    EXPECT_TRUE(moe->Config().encoder.layers.empty()) << mixture;
    EXPECT_LT(Difference(*dense, *moe), 2e-5) << mixture;
  }
  ConvertOptions some = Method("upcycle", 3);
  some.part = "last,decoders";
  const std::unique_ptr<AsrModel> moe = Convert(some, dense.get());
  EXPECT_EQ(moe->Config().encoder.NumMixtures(), 2);
  EXPECT_EQ(moe->Config().encoder.FeedForwardOf(0, true).num_experts, 0);
  EXPECT_LT(Difference(*dense, *moe), 2e-5);
  // The rest of the layers, with another router.
  ConvertOptions rest = Method("upcycle", 2);
  rest.mixture = "router=switch,experts-per-frame=1";
  EXPECT_EQ(Convert(rest, moe.get())->Config().encoder.FeedForwardOf(0, true).router, "switch");
}

TEST(Upcycle, NoiseAndGain) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 2);
  ConvertOptions opts = Method("upcycle", 4);
  opts.expert_noise = 0.1f;
  opts.router_gain = 0.5f;
  const std::unique_ptr<AsrModel> moe = Convert(opts, dense.get());
  EXPECT_GT(Difference(*dense, *moe), 1e-3);
  const std::string name = "encoder.encoders.1.feed_forward";
  const TensorsByName to(moe.get()), from(dense.get());
  const Tensor &w = from[name + ".w_1.weight"];
  double square = 0, noise = 0;
  for (int e = 0; e < 4; ++e) {
    const Tensor &copy = to[Cat(name, ".experts.", e, ".w_1.weight")];
    for (int64_t i = 0; i < w.Size(); ++i) {
      square += w.Data()[i] * w.Data()[i];
      noise += (copy.Data()[i] - w.Data()[i]) * (copy.Data()[i] - w.Data()[i]);
    }
  }
  EXPECT_NEAR(std::sqrt(noise / square), 0.1, 0.01);
  EXPECT_NE(to[name + ".experts.0.w_1.weight"](0, 0), to[name + ".experts.1.w_1.weight"](0, 0));
  const double bound = 0.5 * std::sqrt(6.0 / (16 + 4));
  double largest = 0;
  const Tensor &gate = to[name + ".gate.weight"];
  for (int64_t i = 0; i < gate.Size(); ++i)
    largest = std::max<double>(largest, std::fabs(gate.Data()[i]));
  EXPECT_LE(largest, bound + 1e-6);
  EXPECT_GT(largest, 0.9 * bound);
}

// There and back: copies of a dense model have it as their mean, to the bit.
TEST(ToDense, UndoesUpcycling) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 3);
  const std::unique_ptr<AsrModel> moe = Convert(Method("upcycle", 4), dense.get());
  for (const char *expert : {"mean", "2", "best"}) {
    ConvertOptions opts = Method("to-dense");
    opts.expert = expert;
    const ConvertData data = Data();
    const std::unique_ptr<AsrModel> back =
        Convert(opts, moe.get(), std::string(expert) == "best" ? &data : nullptr);
    EXPECT_EQ(Difference(*dense, *back), 0) << expert;
    EXPECT_EQ(ContentHash(dense.get()), ContentHash(back.get())) << expert;
  }
}

// A mixture of one expert is a dense layer.
TEST(ToDense, OneExpert) {
  const std::unique_ptr<AsrModel> moe = Random(Config(1, 1), 4);
  EXPECT_LT(Difference(*moe, *Convert(Method("to-dense"), moe.get())), 2e-5);
}

TEST(ToDense, BestIsTheMostUsed) {
  const std::unique_ptr<AsrModel> moe = Random(Config(4), 5);
  const ConvertData data = Data();
  ConvertOptions opts = Method("to-dense");
  opts.expert = "best";
  const std::unique_ptr<AsrModel> dense = Convert(opts, moe.get(), &data);
  const auto use = MeasureExpertUse(Context(), moe.get(), FeedForwardPlaces(moe->Config()), data);
  for (const auto &[name, u] : use) {
    const size_t best =
        static_cast<size_t>(std::max_element(u.count.begin(), u.count.end()) - u.count.begin());
    EXPECT_EQ(MaxAbsDiff(TensorsByName(dense.get())[name + ".w_2.weight"],
                         TensorsByName(moe.get())[Cat(name, ".experts.", best, ".w_2.weight")]),
              0);
  }
}

// Use is what the routers report, counted by hand.
TEST(ExpertUse, IsWhatRoutersChoose) {
  const std::unique_ptr<AsrModel> moe = Random(Config(4), 6);
  const ConvertData data = Data();
  const auto use = MeasureExpertUse(Context(), moe.get(), FeedForwardPlaces(moe->Config()), data);
  EXPECT_EQ(use.size(), 4u + 3u);
  std::vector<double> count(4), gate(4);
  for (int u = 0; u < 3; ++u) {
    const auto routes =
        RouteUtterance(Context(), *moe, Feats(u), AttentionMask::Full(), nullptr, false);
    const auto &d = routes.encoder[2];
    for (size_t i = 0; i < d.experts.size(); ++i) {
      ++count[static_cast<size_t>(d.experts[i])];
      gate[static_cast<size_t>(d.experts[i])] += d.gates[i];
    }
  }
  EXPECT_EQ(use.at("encoder.encoders.1.feed_forward_macaron").count, count);
  EXPECT_EQ(use.at("encoder.encoders.1.feed_forward_macaron").gate, gate);
}

// Experts that are never chosen may go: no bit changes.
TEST(Prune, UnusedExpertsAreNotMissed) {
  for (const char *router : {"topk-softmax", "rmoe", "noisy-topk"}) {
    ModelConfig config = Config(5);
    config.encoder.ffn.router = config.decoder.ffn.router = router;
    config.encoder.ffn.router_dim = config.decoder.ffn.router_dim = 3;
    const std::unique_ptr<AsrModel> moe = Random(config, 7);
    // The routers' rows of experts 1 and 3 become those of others, scaled below them where these
    // are positive: not chosen before the others are.
    const TensorsByName t(moe.get());
    for (const FeedForwardPlace &p : FeedForwardPlaces(config)) {
      Tensor &rows = t[p.Name() + RouterRows("prune", p, p.Config(config))[0]];
      for (const int64_t e : {1, 3}) {
        for (int64_t d = 0; d < rows.Cols(); ++d)
          rows(e, d) = (rows(0, d) + rows(2, d) + rows(4, d)) / 3;
      }
    }
    const ConvertData data = Data();
    ConvertOptions opts = Method("prune");
    opts.min_share = 1e-6f;
    const std::unique_ptr<AsrModel> fewer = Convert(opts, moe.get(), &data);
    const auto use = MeasureExpertUse(Context(), moe.get(), FeedForwardPlaces(config), data);
    int dropped = 0;
    for (const FeedForwardPlace &p : FeedForwardPlaces(fewer->Config())) {
      const auto &count = use.at(p.Name()).count;
      const int used = static_cast<int>(
          std::count_if(count.begin(), count.end(), [](double c) { return c > 0; }));
      if (p.part == FeedForwardPlace::Part::kEncoder) {
        EXPECT_EQ(p.Config(fewer->Config()).num_experts, std::max(2, used)) << p.Name();
      }
      dropped += 5 - p.Config(fewer->Config()).num_experts;
    }
    EXPECT_GT(dropped, 0);
    EXPECT_EQ(Difference(*moe, *fewer), 0) << router;
    EXPECT_LT(fewer->NumParams(), moe->NumParams());
  }
}

// The same of routers that look at all experts: where an expert's logit is far below those of the
// others, it has no part in thresholds and sums either. Its entry of a balance goes with its row.
TEST(Prune, UnusedExpertsOfRoutersThatSeeAll) {
  for (const char *router : {"top-p", "sigmoid-bias", "switch"}) {
    SCOPED_TRACE(router);
    const bool one = std::string(router) == "switch";
    ModelConfig config = Config(5, one ? 1 : 2);
    config.encoder.ffn.router = config.decoder.ffn.router = router;
    if (std::string(router) == "top-p")
      config.encoder.ffn.router_threshold = config.decoder.ffn.router_threshold = 0.6f;
    const std::unique_ptr<AsrModel> moe = Random(config, 27);
    const TensorsByName t(moe.get());
    // Rows sum to D, so that a constant weight gives a constant logit.
    for (const auto &[name, tensor] : t.All()) {
      if (name.find("norm") == name.npos || name.find(".bias") == name.npos) continue;
      for (int64_t i = 0; i < tensor->Size(); ++i) tensor->Data()[i] = 1;
    }
    for (const FeedForwardPlace &p : FeedForwardPlaces(config)) {
      for (const int64_t e : {1, 3}) {
        for (int64_t d = 0; d < 16; ++d) t[p.Name() + ".gate.weight"](e, d) = -20;
      }
      if (!t.Has(p.Name() + ".gate.balance")) continue;
      Tensor &balance = t[p.Name() + ".gate.balance"];
      for (int64_t e = 0; e < 5; ++e)
        balance.Data()[e] = e % 2 == 1 ? -1 : 0.05f * static_cast<float>(e);
    }
    ConvertOptions opts = Method("prune");
    opts.keep = "0,2,4";
    const std::unique_ptr<AsrModel> fewer = Convert(opts, moe.get());
    EXPECT_EQ(fewer->Config().encoder.ffn.num_experts, 3);
    EXPECT_EQ(Difference(*moe, *fewer), 0);
    const ConvertData data = Data();
    const auto use = MeasureExpertUse(Context(), moe.get(), FeedForwardPlaces(config), data);
    for (const auto &[name, u] : use) EXPECT_EQ(u.count[1] + u.count[3], 0) << name;
    // One that is used is missed.
    opts.keep = "0,1,2";
    EXPECT_GT(Difference(*moe, *Convert(opts, moe.get())), 0);
  }
}

// Experts that choose are never idle: without some, the others take their share of the frames.
TEST(Prune, ExpertsThatChoose) {
  ModelConfig config = Config(4);
  config.encoder.dynamic_chunk = false;
  config.encoder.ffn.router = "expert-choice";
  const std::unique_ptr<AsrModel> moe = Random(config, 28);
  ConvertOptions opts = Method("prune");
  opts.keep = "1,2";
  const std::unique_ptr<AsrModel> fewer = Convert(opts, moe.get());
  const TensorsByName from(moe.get()), to(fewer.get());
  const std::string name = "encoder.encoders.1.feed_forward";
  for (int64_t e = 0; e < 2; ++e) {
    EXPECT_EQ(to[name + ".gate.weight"](e, 3), from[name + ".gate.weight"](e + 1, 3));
    EXPECT_EQ(MaxAbsDiff(to[Cat(name, ".experts.", e, ".w_1.weight")],
                         from[Cat(name, ".experts.", e + 1, ".w_1.weight")]),
              0);
  }
  // Two for each frame on average, of two: each takes all.
  const ConvertData data = Data();
  std::vector<FeedForwardPlace> places = FeedForwardPlaces(fewer->Config());
  const auto use = MeasureExpertUse(Context(), fewer.get(), places, data);
  EXPECT_EQ(use.at(name).count[0], use.at(name).count[1]);
}

// The same as the router told that the others are closed.
TEST(Prune, KeepsTheMostUsed) {
  const std::unique_ptr<AsrModel> moe = Random(Config(6), 8);
  const ConvertData data = Data();
  for (const char *by : {"count", "gate"}) {
    ConvertOptions opts = Method("prune", 3);
    opts.by = by;
    const std::unique_ptr<AsrModel> pruned = Convert(opts, moe.get(), &data);
    EXPECT_EQ(pruned->Config().encoder.ffn.num_experts, 3);
    const auto use = MeasureExpertUse(Context(), moe.get(), FeedForwardPlaces(moe->Config()), data);
    const TensorsByName from(moe.get()), to(pruned.get());
    for (const auto &[name, u] : use) {
      const std::vector<double> &values = opts.by == "gate" ? u.gate : u.count;
      std::vector<int> order(6);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return values[static_cast<size_t>(a)] > values[static_cast<size_t>(b)];
      });
      order.resize(3);
      std::sort(order.begin(), order.end());
      for (size_t e = 0; e < 3; ++e) {
        EXPECT_EQ(MaxAbsDiff(to[Cat(name, ".experts.", e, ".w_1.weight")],
                             from[Cat(name, ".experts.", order[e], ".w_1.weight")]),
                  0);
        for (int64_t d = 0; d < 16; ++d)
          EXPECT_EQ(to[name + ".gate.weight"](static_cast<int64_t>(e), d),
                    from[name + ".gate.weight"](order[e], d));
      }
    }
  }
  ConvertOptions listed = Method("prune");
  listed.keep = "4,0,1";
  const std::unique_ptr<AsrModel> pruned = Convert(listed, moe.get());
  EXPECT_EQ(MaxAbsDiff(TensorsByName(pruned.get())["decoder.right_decoder.decoders.0.feed_forward."
                                                   "experts.2.w_1.weight"],
                       TensorsByName(moe.get())["decoder.right_decoder.decoders.0.feed_forward."
                                                "experts.4.w_1.weight"]),
            0);
}

// Experts 0 and 2, and 1 and 3, become the same but for the order of their neurons, and their
// routers' rows alike.
void MakeTwins(AsrModel *moe, Rng *rng) {
  const TensorsByName t(moe);
  for (const FeedForwardPlace &p : FeedForwardPlaces(moe->Config())) {
    const std::string name = p.Name();
    for (int e = 0; e < 2; ++e) {
      const std::string a = Cat(name, ".experts.", e), b = Cat(name, ".experts.", e + 2);
      std::vector<int64_t> order(32);
      std::iota(order.begin(), order.end(), 0);
      rng->Shuffle(&order);
      CopyFeedForward(t, a, t, b);
      for (int64_t i = 0; i < 32; ++i) {
        const int64_t from = order[static_cast<size_t>(i)];
        for (int64_t d = 0; d < 16; ++d) {
          t[b + ".w_1.weight"](i, d) = t[a + ".w_1.weight"](from, d);
          t[b + ".w_2.weight"](d, i) = t[a + ".w_2.weight"](d, from);
        }
        t[b + ".w_1.bias"].Data()[i] = t[a + ".w_1.bias"].Data()[from];
      }
      Tensor &gate = t[name + ".gate.weight"];
      for (int64_t d = 0; d < 16; ++d)
        gate(e + 2, d) = 1.5f * gate(e, d) + 0.01f * static_cast<float>(rng->Normal());
    }
  }
}

TEST(Merge, EqualExpertsAreOne) {
  Rng rng(9);
  const std::unique_ptr<AsrModel> moe = Random(Config(4), 9);
  MakeTwins(moe.get(), &rng);
  const ConvertData data = Data();
  for (const ConvertData *use : {static_cast<const ConvertData *>(nullptr), &data}) {
    const std::unique_ptr<AsrModel> merged = Convert(Method("merge", 2), moe.get(), use);
    EXPECT_EQ(merged->Config().encoder.ffn.bank, "tied");
    EXPECT_EQ(merged->Config().encoder.ffn.num_experts, 4);
    EXPECT_EQ(merged->Config().encoder.ffn.num_shared_experts, 2);
    EXPECT_LT(Difference(*moe, *merged), 2e-5);
    EXPECT_LT(merged->NumParams(), moe->NumParams());
    // And with policies, whose choices are the router's.
    ExpertPolicy policy;
    policy.encoder_skip.assign(4, 0.6f);
    moe->SetPolicy(policy);
    merged->SetPolicy(policy);
    EXPECT_LT(Difference(*moe, *merged), 2e-5);
    moe->SetPolicy(ExpertPolicy());
  }
  // Without matching the neurons, the mean of twins is no twin.
  ConvertOptions plain = Method("merge", 2);
  plain.align = false;
  EXPECT_GT(Difference(*moe, *Convert(plain, moe.get())), 1e-2);
  // To one expert, then to a dense layer.
  const std::unique_ptr<AsrModel> one = Convert(Method("merge", 1), moe.get());
  EXPECT_LT(Difference(*one, *Convert(Method("to-dense"), one.get(), &data)), 2e-5);
  // To as many as there are: nothing changes.
  EXPECT_LT(Difference(*moe, *Convert(Method("merge", 4), moe.get())), 2e-5);
}

TEST(Merge, GroupsOfLikeRows) {
  Tensor rows(5, 2);
  const float values[] = {1, 0, 0, 1, 2, 0.1f, 0, 3, -1, -1};
  std::copy(std::begin(values), std::end(values), rows.Data());
  EXPECT_EQ(GroupAlike(rows, 5), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(GroupAlike(rows, 4), (std::vector<int>{0, 1, 2, 1, 3}));
  EXPECT_EQ(GroupAlike(rows, 3), (std::vector<int>{0, 1, 0, 1, 2}));
  EXPECT_EQ(GroupAlike(rows, 1), (std::vector<int>{0, 0, 0, 0, 0}));
}

// The top 2k of a model joined with itself are its top k, twice.
TEST(Join, AModelWithItself) {
  for (const char *router : {"topk-softmax", "rmoe", "sigmoid-bias", "expert-choice"}) {
    ModelConfig config = Config(4);
    config.encoder.ffn.router = config.decoder.ffn.router = router;
    config.encoder.ffn.router_dim = config.decoder.ffn.router_dim = 3;
    if (std::string(router) == "expert-choice") {
      config.encoder.dynamic_chunk = false;
      config.decoder.ffn.router = "topk-softmax";
    }
    const std::unique_ptr<AsrModel> moe = Random(config, 10);
    const std::unique_ptr<AsrModel> joined = Convert(Method("aoe"), moe.get(), nullptr, moe.get());
    EXPECT_EQ(joined->Config().encoder.ffn.num_experts, 8);
    EXPECT_EQ(joined->Config().encoder.ffn.experts_per_frame, 4);
    EXPECT_LT(Difference(*moe, *joined), 2e-5) << router;
  }
}

TEST(Join, OfTwo) {
  const std::unique_ptr<AsrModel> a = Random(Config(2), 11), b = Random(Config(2), 12);
  const std::unique_ptr<AsrModel> joined = Convert(Method("aoe"), a.get(), nullptr, b.get());
  const TensorsByName x(a.get()), y(b.get()), z(joined.get());
  const std::string name = "encoder.encoders.0.feed_forward";
  EXPECT_EQ(MaxAbsDiff(z[name + ".experts.3.w_1.weight"], y[name + ".experts.1.w_1.weight"]), 0);
  EXPECT_EQ(z[name + ".gate.weight"](1, 5), x[name + ".gate.weight"](1, 5));
  EXPECT_EQ(z[name + ".gate.weight"](2, 5), y[name + ".gate.weight"](0, 5));
  EXPECT_FLOAT_EQ(z["ctc.ctc_lo.weight"](3, 4),
                  (x["ctc.ctc_lo.weight"](3, 4) + y["ctc.ctc_lo.weight"](3, 4)) / 2);
}

TEST(Convert, RefusesTheWrongKind) {
  const std::unique_ptr<AsrModel> dense = Random(Config(0), 13), moe = Random(Config(4), 14);
  const ConvertData data = Data(), no_tokens = Data(false);
  ExpectRefusal("is for mixtures, but the model has none",
                Refusal(Method("prune", 2), dense.get()));
  ExpectRefusal("is for dense layers, but the model has none",
                Refusal(Method("upcycle", 2), moe.get()));
  ExpectRefusal("needs --num-experts", Refusal(Method("upcycle"), dense.get()));
  ExpectRefusal("needs data", Refusal(Method("prune", 2), moe.get()));
  ExpectRefusal("either --num-experts", Refusal(Method("prune"), moe.get(), &data));
  ExpectRefusal("so many must stay", Refusal(Method("prune", 1), moe.get(), &data));
  ExpectRefusal("so many must stay", Refusal(Method("prune", 5), moe.get(), &data));
  ExpectRefusal("give --tokens", Refusal(Method("prune", 2), moe.get(), &no_tokens));
  ExpectRefusal("--feats is not read", Refusal(Method("upcycle", 2), dense.get(), &data));
  ExpectRefusal("of which 1 to 4 can be left", Refusal(Method("merge", 5), moe.get()));
  ConvertOptions opts = Method("prune");
  opts.keep = "0,x";
  ExpectRefusal("'x' is no number", Refusal(opts, moe.get()));
  opts.keep = "0,4";
  ExpectRefusal("are 0 to 3", Refusal(opts, moe.get()));
  opts = Method("moefication", 4);
  ExpectRefusal("needs data", Refusal(opts, dense.get()));
  ExpectRefusal("convert with --method=relu", Refusal(opts, dense.get(), &data));
  opts.part = "decoders";
  opts.num_experts = 5;
  ExpectRefusal("does not divide the 32 neurons", Refusal(opts, dense.get(), &data));
  ExpectRefusal("these do: 1, 2, 4, 8, 16, 32", Refusal(opts, dense.get(), &data));
  opts = Method("to-dense");
  opts.expert = "4";
  ExpectRefusal("are 0 to 3", Refusal(opts, moe.get()));
  opts = Method("upcycle", 4);
  opts.mixture = "hidden-dim=7";
  ExpectRefusal("have the hidden-dim", Refusal(opts, dense.get()));
  opts.mixture = "router=best";
  ExpectRefusal("router=best is unknown", Refusal(opts, dense.get()));
  opts.mixture.clear();
  opts.part = "left";
  ExpectRefusal("'left' is none of all, encoder", Refusal(opts, dense.get()));
  const std::unique_ptr<AsrModel> five = Random(Config(5), 15);
  ExpectRefusal("num-experts: 4 and 5", Refusal(Method("aoe"), moe.get(), nullptr, five.get()));
  ModelConfig config = Config(4, 1);
  config.encoder.ffn.router = config.decoder.ffn.router = "switch";
  const std::unique_ptr<AsrModel> top_one = Random(config, 16);
  ExpectRefusal("takes at most 1", Refusal(Method("aoe"), top_one.get(), nullptr, top_one.get()));
  config = Config(4);
  config.encoder.ffn.router = "top-p";
  const std::unique_ptr<AsrModel> top_p = Random(config, 18);
  ExpectRefusal("aoe does not go with router top-p of encoder.encoders.0",
                Refusal(Method("aoe"), top_p.get(), nullptr, top_p.get()));
  config.encoder.ffn.router = "group-mlp";  // V_2 is square
  const std::unique_ptr<AsrModel> groups = Random(config, 19);
  ExpectRefusal("group-mlp, belongs to which expert; it knows topk-softmax",
                Refusal(Method("merge", 2), groups.get()));
  config = Config(4, 1);
  config.encoder.ffn.router = config.decoder.ffn.router = "shared-topk";
  const std::unique_ptr<AsrModel> shared = Random(config, 17);
  ExpectRefusal("shared-topk, belongs to which expert", Refusal(Method("merge", 2), shared.get()));
  EXPECT_THROW(Convert(Method("prune", 2), moe.get(),
                       [] {
                         static ConvertData none;
                         none.has_tokens = true;
                         none.for_each = [](const ConvertData::Use &) {};
                         return &none;
                       }()),
               DataError);
}

}  // namespace
}  // namespace u2moe
