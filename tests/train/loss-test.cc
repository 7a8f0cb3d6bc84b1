// The loss of a whole model: dropout in its gradient, sums, what is refused. The values are checked
// against WeNet in golden-train-test.
#include "train/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "train/optimizer.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

TrainBatch MakeBatch(const std::vector<TrainUtterance> &data) {
  TrainBatch batch;
  for (const TrainUtterance &u : data) {
    batch.shape.Append(u.feats.Rows());
    batch.labels.push_back(u.labels);
  }
  batch.feats = Tensor(batch.shape.TotalRows(), 20);
  for (int b = 0; b < batch.shape.NumSequences(); ++b) {
    const Tensor &x = data[static_cast<size_t>(b)].feats;
    std::copy_n(x.Data(), x.Size(), batch.shape.Rows(batch.feats.View(), b).Data());
  }
  return batch;
}

// The slope along the gradient is its norm: every dropout of forward is repeated in backward, in
// every kind of model.
TEST(ComputeLoss, GradientWithDropout) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(3, 1);
  const TrainBatch batch = MakeBatch(data);
  const std::unique_ptr<AsrModel> teacher = TinyModel(0, 99);
  const Topology network = ParseTopology("beta\n1 2\n3 1\n", "network");
  for (int kind = 0; kind < 11; ++kind) {
    SCOPED_TRACE(kind);
    ModelConfig config = TinyConfig(0.3f);
    // All experts, as a change of the chosen ones would be a step in the loss.
    config.encoder.ffn.experts_per_frame = config.decoder.ffn.experts_per_frame = 4;
    if (kind == 1) config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
    if (kind == 2) {
      config.encoder.causal = false;
      config.encoder.conv_kernel = 5;
      config.encoder.conv_norm = ConvNorm::kBatchNorm;
    }
    if (kind == 3) config.decoder.num_reverse_blocks = 0;
    // Under policies, of the frames in chunks of 3: two of the experts, one, and exits.
    ExpertPolicy policy;
    if (kind == 5) policy.chunk_experts = 2;
    if (kind >= 6) policy.encoder_skip = std::vector<float>(4, 0.26f);
    if (kind == 6) policy.left_skip = policy.right_skip = {0.27f};
    if (kind == 7) policy.exit_block = 1, policy.exit_blank = 0.1f;
    if (kind == 10) policy.experts_per_frame = 3;
    if (kind == 4 || kind == 9) config.length_normalized_loss = true;
    if (kind == 8) {  // losses on routers, in all parts of the network
      for (FeedForwardConfig *ffn : {&config.encoder.ffn, &config.decoder.ffn})
        ffn->balance_weight = 0.5f, ffn->z_weight = 0.25f, ffn->importance_weight = 1,
        ffn->load_weight = 1, ffn->sparsity_weight = 0.5f, ffn->mean_importance_weight = 0.5f,
        ffn->topology_weight = 0.25f, ffn->entropy_weight = 0.5f;
    }
    AsrModel model(config), grad(config), unused(config);
    InitModel(&model, 7);
    model.SetPolicy(policy);
    SetZero(&grad);
    SetZero(&unused);
    LossOptions options;
    if (kind == 8) options.topology = &network, options.rank = 1, options.aux_factor = 0.5;
    if (kind == 9) {
      options.teacher = teacher.get();
      options.teacher_weight = 0.5, options.teacher_temperature = 2;
    }
    options.utterance_divisor = 3;
    options.token_divisor = static_cast<double>(batch.NumTokens());
    options.mask = kind == 2 ? AttentionMask::Full() : AttentionMask::Chunk(3, 1);
    const auto loss = [&](AsrModel *to) {
      DropoutSeeds seeds(11);
      options.dropout = &seeds;
      return ComputeLoss(ctx, model, batch, options, to, nullptr).total / 3;
    };
    const double value = loss(&grad);
    if (kind != 2) {  // without gradients batch norm takes its running statistics
      EXPECT_EQ(loss(nullptr), value);
    }
    const std::vector<Tensor *> params = TrainableTensors(&model), grads = TrainableTensors(&grad);
    double squares = 0;
    for (const Tensor *g : grads) {
      for (int64_t i = 0; i < g->Size(); ++i)
        squares += static_cast<double>(g->Data()[i]) * g->Data()[i];
    }
    const double norm = std::sqrt(squares);
    ASSERT_TRUE(norm > 0.1 && std::isfinite(norm)) << norm;
    const double h = 2e-3;
    const auto move = [&](double by) {
      for (size_t p = 0; p < params.size(); ++p) {
        for (int64_t i = 0; i < params[p]->Size(); ++i)
          params[p]->Data()[i] += static_cast<float>(by / norm * grads[p]->Data()[i]);
      }
    };
    move(h);
    const double above = loss(&unused);
    move(-2 * h);
    const double below = loss(&unused);
    EXPECT_NEAR((above - below) / (2 * h), norm, 0.01 * norm);
  }
}

TEST(ComputeLoss, SumsAndLabelsThatDoNotFit) {
  Context ctx;
  std::vector<TrainUtterance> data = TinyData(3, 2);
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  const LossTerms good = ComputeLoss(ctx, *model, MakeBatch(data), LossOptions(), nullptr, nullptr);
  EXPECT_EQ(good.num_utterances, 3);
  EXPECT_EQ(good["accuracy"].count, MakeBatch(data).NumTokens());
  EXPECT_EQ(good["infinite_ctc"].sum, 0);
  EXPECT_NEAR(good.total,
              0.3 * good["ctc"].sum + 0.7 * (0.7 * good["l2r"].sum + 0.3 * good["r2l"].sum),
              1e-6 * good.total);
  double weighted = 0;
  for (const auto &[name, term] : good.Terms()) weighted += term.weight * term.sum;
  EXPECT_NEAR(good.total, weighted, 1e-9 * weighted);
  LossTerms sum;
  for (const TrainUtterance &u : data)
    sum.Add(ComputeLoss(ctx, *model, MakeBatch({u}), LossOptions(), nullptr, nullptr));
  EXPECT_NEAR(sum.total, good.total, 1e-4 * good.total);
  EXPECT_EQ(sum.num_utterances, 3);
  EXPECT_EQ(sum["accuracy"].sum, good["accuracy"].sum);
  EXPECT_EQ(sum["accuracy"].count, good["accuracy"].count);

  // More labels than frames: the CTC loss counts 0 and gives no gradient, the others go on.
  data[1].labels.assign(200, 1);
  AsrModel grad(model->Config());
  SetZero(&grad);
  const LossTerms unfit = ComputeLoss(ctx, *model, MakeBatch(data), LossOptions(), &grad, nullptr);
  EXPECT_EQ(unfit["infinite_ctc"].sum, 1);
  EXPECT_TRUE(std::isfinite(unfit.total) && unfit["ctc"].sum < good["ctc"].sum);
  for (const Tensor *t : TrainableTensors(&grad)) {
    for (int64_t i = 0; i < t->Size(); ++i) ASSERT_TRUE(std::isfinite(t->Data()[i]));
  }
}

TEST(ComputeLoss, EmptyTranscript) {
  Context ctx;
  std::vector<TrainUtterance> data = TinyData(2, 3);
  data[0].labels.clear();
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  AsrModel grad(model->Config());
  SetZero(&grad);
  const LossTerms terms = ComputeLoss(ctx, *model, MakeBatch(data), LossOptions(), &grad, nullptr);
  EXPECT_EQ(terms["infinite_ctc"].sum, 0);
  EXPECT_EQ(terms["accuracy"].count, 2 + static_cast<int64_t>(data[1].labels.size()));
  EXPECT_TRUE(std::isfinite(terms.total));
}

TEST(ComputeLoss, TooShort) {
  Context ctx;
  std::vector<TrainUtterance> data = TinyData(2, 4);
  data[1].feats = Tensor::Zeros(6, 20);
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  EXPECT_THROW(ComputeLoss(ctx, *model, MakeBatch(data), LossOptions(), nullptr, nullptr),
               DataError);
}

// A term of the total, by name: once per utterance, also where an utterance is half the batch.
TEST(ComputeLoss, LossesOnRouters) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(2, 6);
  ModelConfig config = TinyConfig(0);
  config.encoder.ffn.balance_weight = 0.5f;
  config.decoder.ffn.z_weight = 0.25f;
  AsrModel model(config), plain(TinyConfig(0));
  InitModel(&model, 3);
  InitModel(&plain, 3);
  LossOptions options;
  const LossTerms with = ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr),
                  without = ComputeLoss(ctx, plain, MakeBatch(data), options, nullptr, nullptr);
  EXPECT_EQ(without.Terms().count("balance"), 0u);
  EXPECT_EQ(with["balance"].count, 2);
  EXPECT_NEAR(with["balance"].weight, 0.5 * 4, 1e-6);  // the mean over four mixtures of the encoder
  EXPECT_NEAR(with["z"].weight, 0.25 * 2, 1e-6);       // one of each decoder
  EXPECT_GT(with["balance"].Mean(), 0.5);
  EXPECT_GT(with["z"].Mean(), 0);
  EXPECT_EQ(with["ctc"].sum, without["ctc"].sum);
  EXPECT_NEAR(with.total, without.total + 2 * (2 * with["balance"].Mean() + 0.5 * with["z"].Mean()),
              1e-6 * with.total);
  options.aux_losses = false;
  EXPECT_EQ(ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr).total,
            without.total);
}

// Layer by layer, with a factor, and by the name of the layer where one is not finite.
TEST(ComputeLoss, LossesOnRoutersByLayer) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(2, 6);
  ModelConfig config = TinyConfig(0);
  config.encoder.ffn.balance_weight = 0.5f;
  config.decoder.ffn.entropy_weight = 0.25f;
  AsrModel model(config);
  InitModel(&model, 3);
  LossOptions options;
  const LossTerms plain = ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr);
  options.by_layer = true;
  options.aux_factor = 0.5;
  const LossTerms terms = ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr);
  double sum = 0;
  for (const char *layer :
       {"0.feed_forward", "0.feed_forward_macaron", "1.feed_forward", "1.feed_forward_macaron"}) {
    const LossTerm &term = terms[Cat("balance.encoder.encoders.", layer)];
    EXPECT_EQ(term.weight, 0);
    EXPECT_GT(term.Mean(), 0.5);
    sum += term.Mean();
  }
  EXPECT_NEAR(terms["balance"].Mean(), sum / 4, 1e-9);
  EXPECT_EQ(terms["balance"].Mean(), plain["balance"].Mean());
  EXPECT_NEAR(terms["balance"].weight, 0.5 * 0.5 * 4, 1e-6);
  EXPECT_EQ(terms["entropy.decoder.right_decoder.decoders.0.feed_forward"].count, 2);
  EXPECT_EQ(terms.Terms().size(), plain.Terms().size() + 4 + 2);
  options.aux_factor = 0;
  EXPECT_NEAR(ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr).total,
              plain.total - plain["balance"].weight * plain["balance"].sum -
                  plain["entropy"].weight * plain["entropy"].sum,
              1e-6 * plain.total);
}

void ExpectDataError(const std::function<void()> &run, const std::string &message) {
  try {
    run();
    ADD_FAILURE() << message;
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
  }
}

TEST(ComputeLoss, NamesTheLayerThatFails) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(2, 6);
  for (const bool loss : {false, true}) {
    for (const std::string layer :
         {"encoder.encoders.1.feed_forward", "decoder.right_decoder.decoders.0.feed_forward"}) {
      ModelConfig config = TinyConfig(0);
      config.encoder.ffn.z_weight = config.decoder.ffn.z_weight = loss ? 1e38f : 1;
      AsrModel model(config), grad(config);
      InitModel(&model, 3);
      SetZero(&grad);
      ForEachParam(&model, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
        if (name != layer + ".gate.weight") return;
        for (int64_t i = 0; i < t->Size(); ++i) t->Data()[i] *= loss ? 1e4f : NAN;
      });
      ExpectDataError(
          [&] { ComputeLoss(ctx, model, MakeBatch(data), LossOptions(), &grad, nullptr); },
          loss ? layer + ": the gradient of the losses on its router is not finite"
               : " of " + layer + "; check the features and the model");
    }
  }
}

// A student that is its own teacher has nothing to learn from it.
TEST(ComputeLoss, Teacher) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(2, 6);
  const std::unique_ptr<AsrModel> model = TinyModel(0), other = TinyModel(0, 50);
  LossOptions options;
  options.mask = AttentionMask::Chunk(3, 1);
  AsrModel plain_grad(model->Config()), grad(model->Config());
  SetZero(&plain_grad);
  SetZero(&grad);
  const LossTerms plain = ComputeLoss(ctx, *model, MakeBatch(data), options, &plain_grad, nullptr);
  options.teacher = model.get();
  options.teacher_weight = 3;
  const LossTerms own = ComputeLoss(ctx, *model, MakeBatch(data), options, &grad, nullptr);
  EXPECT_NEAR(own.total, plain.total, 1e-5 * plain.total);
  const std::vector<Tensor *> a = TrainableTensors(&plain_grad), b = TrainableTensors(&grad);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LT(MaxAbsDiff(*a[i], *b[i]), 1e-3);
  options.teacher = other.get();
  const LossTerms learns = ComputeLoss(ctx, *model, MakeBatch(data), options, nullptr, nullptr);
  for (const char *name : {"ctc", "l2r", "r2l"}) {
    const LossTerm &term = learns[Cat("teacher_", name)];
    EXPECT_GT(term.Mean(), 0.01) << name;
    EXPECT_EQ(term.count, 2) << name;
    EXPECT_NEAR(term.weight, 3 * learns[name].weight, 1e-9) << name;
    EXPECT_EQ(own[Cat("teacher_", name)].count, 2) << name;
  }
  ModelConfig left = TinyConfig(0);
  left.decoder.num_reverse_blocks = 0;
  AsrModel one_sided(left);
  InitModel(&one_sided, 5);
  options.teacher = &one_sided;
  const LossTerms without = ComputeLoss(ctx, *model, MakeBatch(data), options, nullptr, nullptr);
  EXPECT_EQ(without.Terms().count("teacher_r2l"), 0u);
  EXPECT_EQ(without.Terms().count("teacher_l2r"), 1u);
}

// Within experts, in place of the network's; dense feed-forwards have the network's.
TEST(ComputeLoss, ExpertDropout) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(2, 6);
  const auto loss = [&](float dropout, float expert_dropout, bool moe, bool train) {
    ModelConfig config = TinyConfig(dropout);
    config.encoder.ffn.expert_dropout = config.decoder.ffn.expert_dropout = expert_dropout;
    if (!moe) config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
    AsrModel model(config);
    InitModel(&model, 3);
    DropoutSeeds dropout_seeds(5);
    LossOptions options;
    if (train) options.dropout = &dropout_seeds;
    return ComputeLoss(ctx, model, MakeBatch(data), options, nullptr, nullptr).total;
  };
  EXPECT_NEAR(loss(0, 0, true, true), loss(0, 0, true, false), 1e-4);
  EXPECT_EQ(loss(0, 0.4f, true, false), loss(0, 0, true, false));
  EXPECT_NE(loss(0, 0.4f, true, true), loss(0, 0, true, true));
  EXPECT_EQ(loss(0, 0.4f, false, true), loss(0, 0, false, true));
  EXPECT_NE(loss(0.2f, 0.4f, true, true), loss(0.2f, 0, true, true));
  EXPECT_EQ(loss(0.2f, 0.2f, true, true), loss(0.2f, 0, true, true));
}

// An utterance's dropout is its own, whatever lies before or beside it.
TEST(ComputeLoss, DropoutIsOfTheUtterance) {
  Context ctx;
  const std::vector<TrainUtterance> data = TinyData(3, 5);
  for (const bool moe : {false, true}) {
    ModelConfig config = TinyConfig(0.4f);
    if (!moe) config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
    AsrModel model(config);
    InitModel(&model, 7);
    const auto loss = [&](const std::vector<int> &order) {
      std::vector<TrainUtterance> utterances;
      std::vector<uint64_t> seeds;
      for (const int i : order) {
        utterances.push_back(data[static_cast<size_t>(i)]);
        seeds.push_back(static_cast<uint64_t>(100 + i));
      }
      DropoutSeeds dropout(5, seeds);
      LossOptions options;
      options.dropout = &dropout;
      return ComputeLoss(ctx, model, MakeBatch(utterances), options, nullptr, nullptr).total;
    };
    const double alone = loss({0}) + loss({1}) + loss({2});
    EXPECT_NEAR(loss({0, 1, 2}), alone, 1e-5 * alone);
    EXPECT_NEAR(loss({2, 0, 1}), alone, 1e-5 * alone);
    EXPECT_NEAR(loss({1, 2}) + loss({0}), alone, 1e-5 * alone);
  }
}

}  // namespace
}  // namespace u2moe
