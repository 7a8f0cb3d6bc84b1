// The loss of a whole model: dropout in its gradient, sums, what is refused. The values are checked
// against WeNet in golden-train-test.
#include "train/loss.h"

#include <gtest/gtest.h>

#include <cmath>
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
  for (int kind = 0; kind < 9; ++kind) {
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
    if (kind == 4) config.length_normalized_loss = true;
    if (kind == 8) {  // losses on routers, in all parts of the network
      for (FeedForwardConfig *ffn : {&config.encoder.ffn, &config.decoder.ffn})
        ffn->balance_weight = 0.5f, ffn->z_weight = 0.25f;
    }
    AsrModel model(config), grad(config), unused(config);
    InitModel(&model, 7);
    model.SetPolicy(policy);
    SetZero(&grad);
    SetZero(&unused);
    LossOptions options;
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
