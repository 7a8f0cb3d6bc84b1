// Label sequences as a tree, and decoders over such trees.
#include "model/token-tree.h"

#include <gtest/gtest.h>

#include <set>

#include "model/asr-model.h"
#include "model/decoder.h"
#include "ops/softmax.h"
#include "support/layer-test.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

TEST(TokenTree, ByHand) {
  const TokenTree tree = MakeTokenTree({{5, 6, 7}, {5, 6}, {}, {5, 8, 7}, {5, 6, 7}}, 9, false);
  EXPECT_EQ(tree.tokens, (Ids{9, 5, 6, 7, 8, 7}));
  EXPECT_EQ(tree.parents, (Ids{-1, 0, 1, 2, 1, 4}));
  EXPECT_EQ(tree.depths, (Ids{0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(tree.ends, (Ids{3, 2, 0, 5, 3}));
  const TokenTree back = MakeTokenTree({{5, 6, 7}, {6, 7}, {8, 7}}, 9, true);
  EXPECT_EQ(back.tokens, (Ids{9, 7, 6, 5, 8}));
  EXPECT_EQ(back.parents, (Ids{-1, 0, 1, 2, 1}));
  EXPECT_EQ(back.ends, (Ids{3, 2, 4}));
  EXPECT_EQ(MakeTokenTree({}, 9, false).NumNodes(), 1);
}

// Lists as searches make them: variants of one sequence by substitution, insertion and deletion,
// with duplicates, beginnings of others, and empty ones.
std::vector<Ids> RandomList(Rng *rng, int64_t size, int64_t length, int32_t vocab) {
  std::vector<Ids> list;
  Ids base;
  for (int64_t i = 0; i < length; ++i) {
    base.push_back(static_cast<int32_t>(rng->UniformInt(1, vocab - 1)));
  }
  while (static_cast<int64_t>(list.size()) < size) {
    Ids h = base;
    for (int64_t edits = rng->UniformInt(0, 2); edits > 0 && !h.empty(); --edits) {
      const auto at = h.begin() + rng->UniformInt(0, static_cast<int64_t>(h.size()) - 1);
      const int32_t label = static_cast<int32_t>(rng->UniformInt(1, vocab - 1));
      switch (rng->UniformInt(0, 3)) {
        case 0:
          *at = label;
          break;
        case 1:
          h.insert(at, label);
          break;
        case 2:
          h.erase(at);
          break;
        default:
          h.erase(at, h.end());
          break;
      }
    }
    list.push_back(h);
  }
  return list;
}

TEST(TokenTree, EachBeginningOnce) {
  Rng rng(1);
  for (int n = 0; n < 50; ++n) {
    const std::vector<Ids> list = RandomList(&rng, rng.UniformInt(1, 12), rng.UniformInt(0, 9), 4);
    for (bool reverse : {false, true}) {
      std::set<Ids> beginnings;
      for (Ids h : list) {
        if (reverse) std::reverse(h.begin(), h.end());
        for (size_t i = 0; i <= h.size(); ++i) beginnings.insert(Ids(h.begin(), h.begin() + i));
      }
      const TokenTree tree = MakeTokenTree(list, 0, reverse);
      EXPECT_EQ(tree.NumNodes(), static_cast<int64_t>(beginnings.size()));
      for (size_t i = 0; i < list.size(); ++i) {
        Ids path;
        int32_t node = tree.ends[i];
        EXPECT_EQ(tree.depths[static_cast<size_t>(node)], static_cast<int32_t>(list[i].size()));
        for (; node > 0; node = tree.parents[static_cast<size_t>(node)]) {
          EXPECT_LT(tree.parents[static_cast<size_t>(node)], node);
          path.push_back(tree.tokens[static_cast<size_t>(node)]);
        }
        if (!reverse) std::reverse(path.begin(), path.end());
        EXPECT_EQ(path, list[i]);
      }
    }
  }
}

constexpr int32_t kVocab = 70, kEos = 69;

Decoder RandomDecoder(Rng *rng, bool moe, bool packed) {
  DecoderConfig config;
  config.num_heads = 4;
  config.ffn.hidden_dim = 40;
  if (moe) {
    config.ffn.num_experts = 4;
    config.ffn.experts_per_frame = 2;
  }
  Decoder decoder(config, 3, 32, kVocab);
  RandomizeParams(rng, &decoder, 0.2f);
  if (packed) {
    ForEachParamOrPacked(
        &decoder, [](const ParamInfo &, Tensor *) {},
        [](const ParamInfo &, Tensor *weight, PackedMatrix *p) {
          *p = PackedMatrix::Pack(*weight, WeightFormat::kFloat32);
          *weight = Tensor();
        });
  }
  return decoder;
}

// The score of one sequence, the long way.
double ScoreAlone(const Context &ctx, const Decoder &decoder, ConstView encoded, Ids labels,
                  bool reverse) {
  const DecoderInput input = MakeDecoderInput({labels}, {0}, kEos, reverse);
  Tensor logp;
  decoder.Forward(ctx, input, encoded, RaggedShape::Single(encoded.Rows()), nullptr, nullptr, &logp,
                  nullptr);
  LogSoftmaxForward(ctx, logp, logp);
  if (reverse) std::reverse(labels.begin(), labels.end());
  labels.push_back(kEos);
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i) sum += logp(static_cast<int64_t>(i), labels[i]);
  return sum;
}

// 100 lists, up to more nodes than a block of the output layer.
TEST(DecoderTree, EqualsEachSequenceAlone) {
  const Context ctx;
  Rng rng(5);
  for (bool moe : {false, true}) {
    for (bool packed : {false, true}) {
      const Decoder decoder = RandomDecoder(&rng, moe, packed);
      for (int n = 0; n < 25; ++n) {
        const Tensor encoded = RandomTensor(&rng, rng.UniformInt(1, 30), 32);
        std::vector<Ids> list =
            RandomList(&rng, n == 0 ? 1 : rng.UniformInt(1, 12), n % 20, kVocab);
        if (n % 4 == 1) list.push_back({});
        for (bool reverse : {false, true}) {
          const TokenTree tree = MakeTokenTree(list, kEos, reverse);
          const std::vector<double> got = Decoder::SequenceScores(
              tree, decoder.ScoreTree(ctx, tree, kEos, decoder.Project(ctx, encoded)));
          for (size_t i = 0; i < list.size(); ++i) {
            EXPECT_NEAR(got[i], ScoreAlone(ctx, decoder, encoded, list[i], reverse),
                        2e-6 * static_cast<double>(list[i].size() + 1) + 1e-5)
                << moe << packed << " list " << n << " hypothesis " << i;
          }
        }
      }
    }
  }
}

TEST(DecoderTree, CompanyChangesNoBit) {
  const Context ctx;
  Rng rng(6);
  for (bool moe : {false, true}) {
    const Decoder decoder = RandomDecoder(&rng, moe, true);
    const Tensor encoded = RandomTensor(&rng, 21, 32);
    std::vector<Ids> list = RandomList(&rng, 14, 40, kVocab);
    list.insert(list.begin() + 3, {{}, {5}, {5, 6}});
    const TokenTree tree = MakeTokenTree(list, kEos, false);
    EXPECT_GT(tree.NumNodes(), 64);
    const std::vector<double> together = Decoder::SequenceScores(
        tree, decoder.ScoreTree(ctx, tree, kEos, decoder.Project(ctx, encoded)));
    for (size_t i = 0; i < list.size(); ++i) {
      const TokenTree alone = MakeTokenTree({list[i]}, kEos, false);
      EXPECT_EQ(Decoder::SequenceScores(
                    alone, decoder.ScoreTree(ctx, alone, kEos, decoder.Project(ctx, encoded)))[0],
                together[i])
          << i;
    }
  }
}

// A tree that grows: node by node, all nodes of a depth at once, and in steps of random sizes, with
// children of any node. Its log-probabilities are those of ScoreTree, to the bit where packed.
TEST(DecoderGrowth, StepsEqualTheWholeTree) {
  const Context ctx;
  Rng rng(7);
  for (bool moe : {false, true}) {
    for (bool packed : {false, true}) {
      const Decoder decoder = RandomDecoder(&rng, moe, packed);
      for (int n = 0; n < 12; ++n) {
        const Tensor encoded = RandomTensor(&rng, rng.UniformInt(1, 30), 32);
        const TokenTree tree =
            MakeTokenTree(RandomList(&rng, rng.UniformInt(1, 9), n, kVocab), kEos, false);
        const Decoder::Memory memory = decoder.Project(ctx, encoded);
        const Decoder::TreeScores want = decoder.ScoreTree(ctx, tree, kEos, memory);
        Decoder::Growth growth;
        std::vector<Tensor> logp;  // [1, V] of each node
        for (size_t at = 0; at < tree.tokens.size();) {
          // A node must wait for its parent.
          size_t end = at + 1;
          const size_t most = at + static_cast<size_t>(n % 3 == 0 ? 1 : rng.UniformInt(1, 9));
          while (end < tree.tokens.size() && end < most &&
                 tree.parents[end] < static_cast<int32_t>(at))
            ++end;
          const size_t count = end - at;
          const Tensor rows =
              decoder.Extend(ctx, Span<int32_t>(&tree.tokens[at], count),
                             Span<int32_t>(&tree.parents[at], count), memory, &growth);
          ASSERT_EQ(rows.Rows(), static_cast<int64_t>(count));
          ASSERT_EQ(rows.Cols(), kVocab);
          for (int64_t i = 0; i < rows.Rows(); ++i)
            logp.push_back(Tensor::Copy(rows.View().RowRange(i, 1)));
          at = end;
        }
        EXPECT_EQ(growth.depths, tree.depths);
        for (size_t i = 0; i < tree.tokens.size(); ++i) {
          const auto check = [&](float got, float score) {
            if (packed) {
              EXPECT_EQ(got, score) << n << " node " << i;
            } else {
              EXPECT_NEAR(got, score, 1e-5) << n << " node " << i;
            }
          };
          check(logp[i](0, kEos), want.end[i]);
          if (i > 0)
            check(logp[static_cast<size_t>(tree.parents[i])](0, tree.tokens[i]), want.label[i]);
        }
      }
    }
  }
}

TEST(DecoderGrowth, WrongParentsThrow) {
  const Context ctx;
  Rng rng(8);
  const Decoder decoder = RandomDecoder(&rng, false, true);
  const Decoder::Memory memory = decoder.Project(ctx, RandomTensor(&rng, 5, 32));
  Decoder::Growth growth;
  EXPECT_THROW(decoder.Extend(ctx, {kEos}, {0}, memory, &growth), Error);
  decoder.Extend(ctx, {kEos}, {-1}, memory, &growth);
  EXPECT_THROW(decoder.Extend(ctx, {3}, {1}, memory, &growth), Error);
  EXPECT_THROW(decoder.Extend(ctx, {3}, {-1}, memory, &growth), Error);
  EXPECT_THROW(decoder.Extend(ctx, {}, {}, memory, &growth), Error);
  EXPECT_EQ(growth.NumNodes(), 1);
}

}  // namespace
}  // namespace u2moe
