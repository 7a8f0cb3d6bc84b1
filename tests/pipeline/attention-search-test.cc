// Attention search as WeNet decodes (models/*/decode.json, "attention"), and joint with CTC on the
// same models.
#include "pipeline/attention-search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "decode/ctc-search.h"
#include "model/golden.h"
#include "pipeline/encode.h"
#include "pipeline/model-scorer.h"
#include "support/golden-report.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using nlohmann::json;

std::vector<AttentionHypothesis> Search(AttentionSearch *search, ConstView encoded) {
  search->Begin();
  search->Step(encoded);
  return search->End();
}

EncodeOptions ModeOptions(const std::string &mode) {
  EncodeOptions opts;
  if (mode == "offline") return opts;
  opts.chunk_size = 4;
  opts.streaming = mode == "stream_chunk4_left2";
  if (opts.streaming) opts.num_left_chunks = 2;
  return opts;
}

class AttentionSearchTest : public testing::TestWithParam<std::string> {
 protected:
  AttentionSearchTest() : golden_(GetParam()) { golden_.model->PrepareForInference(ctx_); }

  const Context ctx_;
  GoldenModel golden_;
};

TEST_P(AttentionSearchTest, WenetsTokens) {
  const ModelScorer scorer(ctx_, *golden_.model);
  const json decode = ReadJson(golden_.dir + "/decode.json");
  AttentionBeamOptions opts;
  opts.ctc_weight = 0;
  opts.beam = decode["settings"]["beam_size"];
  const double atol = golden_.Atol("decode.json");
  double worst = 0;
  int num_searches = 0, num_cut = 0;
  for (const auto &mode : decode["results"].items()) {
    for (const auto &[utt, feats] : ReadArchive(golden_.dir + "/feats.ark")) {
      const std::string what = golden_.name + " " + mode.key() + " " + utt;
      const json &want = mode.value().at(utt).at("attention");
      const Tensor encoded = EncodeUtterance(ctx_, *golden_.model, feats, ModeOptions(mode.key()));
      for (const auto &[key, penalty] :
           std::vector<std::pair<std::string, float>>{{"tokens", 0},
                                                      {"tokens_length_penalty_0.6", 0.6f},
                                                      {"tokens_length_penalty_-0.6", -0.6f}}) {
        if (!want.contains(key)) continue;
        opts.length_penalty = penalty;
        AttentionSearch search(ctx_, *golden_.model, opts);
        const auto best = Search(&search, encoded);
        EXPECT_EQ(best[0].tokens, want[key].get<Ids>()) << what << " " << key;
        ++num_searches;
        if (penalty != 0) continue;
        EXPECT_EQ(!best[0].ended, want["reached_max_length"].get<bool>()) << what;
        num_cut += !best[0].ended;
        // The same sums as those of the whole hypothesis: of the same bits, to their order.
        const double whole = scorer.LeftToRight(encoded)->Score({best[0].tokens})[0];
        worst = std::max(worst, Deviation(whole, want["l2r_score_teacher_forced"]));
        if (best[0].ended) {
          EXPECT_NEAR(best[0].attention, whole, 1e-10) << what;
        }
      }
    }
  }
  ReportGolden("attention-search-scores", "models/" + golden_.name + "/decode.json", worst, atol);
  EXPECT_LE(worst, atol);
  EXPECT_GE(num_searches, golden_.Streams() ? 20 : 12);
}

// The parts of each score, computed another way: the decoder's by ModelScorer, CTC's by a prefix
// beam search that is wide enough to miss next to nothing.
TEST_P(AttentionSearchTest, PartsOfJointScores) {
  const ModelScorer scorer(ctx_, *golden_.model);
  const int32_t blank = golden_.model->Config().blank;
  int num_hyps = 0;
  for (const auto &[utt, feats] : ReadArchive(golden_.dir + "/feats.ark")) {
    const Tensor encoded = EncodeUtterance(ctx_, *golden_.model, feats, EncodeOptions());
    const CtcPrefixScorer ctc(golden_.model->CtcLogProbs(ctx_, encoded), blank);
    for (const float weight : {0.f, 0.3f, 0.7f, 1.f}) {
      AttentionBeamOptions opts;
      opts.ctc_weight = weight;
      opts.nbest = 4;
      opts.length_bonus = 0.25f;
      AttentionSearch search(ctx_, *golden_.model, opts, true);
      const auto nbest = Search(&search, encoded);
      ASSERT_GE(nbest.size(), 1u);
      EXPECT_GT(search.NumComputed(), 0);
      for (size_t i = 0; i < nbest.size(); ++i) {
        const AttentionHypothesis &h = nbest[i];
        const double w = static_cast<double>(weight);
        EXPECT_NEAR(h.total,
                    (w < 1 ? (1 - w) * h.attention : 0) + (w > 0 ? w * h.ctc : 0) +
                        0.25 * static_cast<double>(h.tokens.size()),
                    1e-9);
        if (i > 0) {
          EXPECT_LE(h.total, nbest[i - 1].total);
        }
        if (!h.ended) continue;
        EXPECT_NEAR(h.attention, scorer.LeftToRight(encoded)->Score({h.tokens})[0], 1e-9);
        if (std::find(h.tokens.begin(), h.tokens.end(), blank) != h.tokens.end()) continue;
        CtcPrefixScorer::State state = ctc.Start();
        for (const int32_t label : h.tokens) state = ctc.Extend(state, label);
        EXPECT_EQ(h.ctc, ctc.End(state)) << utt << " " << i;
        ++num_hyps;
      }
    }
  }
  EXPECT_GT(num_hyps, 16);
}

TEST_P(AttentionSearchTest, HowFramesComeMakesNoDifference) {
  AttentionBeamOptions opts;
  opts.nbest = 5;
  AttentionSearch whole(ctx_, *golden_.model, opts), pieces(ctx_, *golden_.model, opts);
  for (const auto &[utt, feats] : ReadArchive(golden_.dir + "/feats.ark")) {
    const Tensor encoded = EncodeUtterance(ctx_, *golden_.model, feats, EncodeOptions());
    const auto want = Search(&whole, encoded);
    pieces.Begin();
    pieces.Step(encoded.View().RowRange(0, 3));
    pieces.Step(Tensor(0, 0));
    for (int64_t t = 3; t < encoded.Rows(); ++t) pieces.Step(encoded.View().RowRange(t, 1));
    const auto got = pieces.End();
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].tokens, want[i].tokens) << utt;
      EXPECT_EQ(got[i].total, want[i].total) << utt;
    }
  }
}

TEST_P(AttentionSearchTest, NoFramesAndOne) {
  AttentionSearch search(ctx_, *golden_.model, AttentionBeamOptions());
  search.Begin();
  const auto none = search.End();
  ASSERT_EQ(none.size(), 1u);
  EXPECT_TRUE(none[0].tokens.empty());
  EXPECT_EQ(none[0].total, 0);
  Rng rng(1);
  const int64_t dim = golden_.model->Config().encoder.model_dim;
  const auto one = Search(&search, RandomTensor(&rng, 1, dim));
  EXPECT_LE(one[0].tokens.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, AttentionSearchTest, testing::ValuesIn(GoldenModelNames()),
                         [](const auto &info) { return info.param; });

TEST(AttentionSearch, Errors) {
  const Context ctx;
  GoldenModel golden("dense");
  golden.model->PrepareForInference(ctx, WeightFormat::kFloat32, 0, ModelPart::kHeads);
  AttentionSearch search(ctx, *golden.model, AttentionBeamOptions());
  EXPECT_THROW(search.Step(Tensor::Zeros(4, 31)), DataError);
  Tensor bad = Tensor::Zeros(4, 32);
  bad(2, 5) = std::nanf("");
  EXPECT_THROW(search.Step(bad), DataError);
  AttentionBeamOptions opts;
  opts.beam = 0;
  EXPECT_THROW(AttentionSearch(ctx, *golden.model, opts), UsageError);
}

}  // namespace
}  // namespace u2moe
