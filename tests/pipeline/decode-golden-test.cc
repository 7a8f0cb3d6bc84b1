// From features to transcripts as WeNet decodes them (models/*/decode.json): greedy, prefix beam
// and rescoring, over whole utterances, under chunk masks and streaming, on every golden model.
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

EncodeOptions ModeOptions(const std::string &mode) {
  EncodeOptions opts;
  if (mode == "offline") return opts;
  opts.chunk_size = 4;
  if (mode == "masked_chunk4_leftall") return opts;
  CHECK_EQ(mode, std::string("stream_chunk4_left2"));
  opts.num_left_chunks = 2;
  opts.streaming = true;
  return opts;
}

std::vector<CtcHypothesis> Search(const std::string &method, int beam, float blank_penalty,
                                  ConstView logp) {
  CtcSearchOptions opts;
  opts.method = method;
  opts.prefix_beam.beam = beam;
  opts.nbest = method == "greedy" ? 1 : beam;
  opts.blank_penalty = blank_penalty;
  return CtcDecode(logp, opts.nbest, MakeSearchResource(opts)->NewSearch().get());
}

class DecodeGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(DecodeGoldenTest, AllModes) {
  const Context ctx;
  GoldenModel golden(GetParam());
  golden.model->PrepareForInference(ctx);
  const ModelScorer scorer(ctx, *golden.model);
  const json decode = ReadJson(golden.dir + "/decode.json");
  const int beam = decode["settings"]["beam_size"];
  RescoringOptions opts;
  opts.ctc_weight = decode["settings"]["ctc_weight"];
  opts.reverse_weight = decode["settings"]["reverse_weight"];
  const double atol = golden.Atol("decode.json");
  double worst_ctc = 0, worst_attention = 0;
  int num_hyps = 0, num_contenders = 0;
  EXPECT_EQ(decode["results"].size(), golden.Streams() ? 3u : 1u);
  for (const auto &mode : decode["results"].items()) {
    for (const auto &[utt, feats] : ReadArchive(golden.dir + "/feats.ark")) {
      const std::string what = golden.name + " " + mode.key() + " " + utt;
      const json &want = mode.value().at(utt);
      const Tensor encoded = EncodeUtterance(ctx, *golden.model, feats, ModeOptions(mode.key()));
      const Tensor logp = golden.model->CtcLogProbs(ctx, encoded);
      ASSERT_EQ(logp.Rows(), want["frames"].get<int64_t>()) << what;
      EXPECT_EQ(Search("greedy", 1, 0, logp)[0].tokens, want["ctc_greedy_search"].get<Ids>())
          << what;

      const auto nbest = Search("prefix-beam", beam, 0, logp);
      const json &best = want["ctc_prefix_beam_search"];
      EXPECT_EQ(nbest[0].tokens, best["tokens"].get<Ids>()) << what;
      EXPECT_EQ(nbest[0].times, best["times"].get<Ids>()) << what;
      ASSERT_EQ(nbest.size(), want["nbest"].size()) << what;
      std::vector<Ids> hyps;
      std::vector<double> scores;
      for (size_t i = 0; i < nbest.size(); ++i) {
        EXPECT_EQ(nbest[i].tokens, want["nbest"][i]["tokens"].get<Ids>()) << what << " " << i;
        EXPECT_EQ(nbest[i].times, want["nbest"][i]["times"].get<Ids>()) << what << " " << i;
        worst_ctc = std::max(worst_ctc, Deviation(nbest[i].Score(), want["nbest"][i]["ctc_score"]));
        hyps.push_back(nbest[i].tokens);
        scores.push_back(nbest[i].Score());
      }
      const auto rescored = Rescore(scorer, opts, encoded, hyps, scores);
      const json &chosen = want["attention_rescoring"];
      EXPECT_EQ(hyps[static_cast<size_t>(rescored[0].index)], chosen["tokens"].get<Ids>()) << what;
      EXPECT_NEAR(rescored[0].total, chosen["score"].get<double>(), atol) << what;
      for (const RescoredHypothesis &h : rescored) {
        const json &row = want["nbest"][static_cast<size_t>(h.index)];
        const std::vector<std::pair<double, const char *>> got_scores = {
            {h.left_to_right, "l2r"}, {h.right_to_left, "r2l"}, {h.total, "total"}};
        for (const auto &[got, name] : got_scores) {
          worst_attention = std::max(worst_attention, Deviation(got, row[name]));
        }
        ++num_hyps;
      }
      // Hypotheses that cannot win may be left out.
      const auto contenders = Combine(opts, ScoreContenders(scorer, {opts}, encoded, hyps, scores));
      EXPECT_EQ(contenders[0].index, rescored[0].index) << what;
      EXPECT_EQ(contenders[0].total, rescored[0].total) << what;
      num_contenders += static_cast<int>(contenders.size());
      // Scores of a hypothesis do not depend on its company.
      const std::vector<double> left = scorer.LeftToRight(encoded)->Score(hyps),
                                right = scorer.RightToLeft(encoded)->Score(hyps);
      for (size_t i = 0; i < hyps.size(); ++i) {
        EXPECT_EQ(scorer.LeftToRight(encoded)->Score({hyps[i]})[0], left[i]) << what << " " << i;
        EXPECT_EQ(scorer.RightToLeft(encoded)->Score({hyps[i]})[0], right[i]) << what << " " << i;
      }

      const json &penalised = want["blank_penalty_2"];
      EXPECT_EQ(Search("greedy", 1, 2, logp)[0].tokens, penalised["ctc_greedy_search"].get<Ids>());
      EXPECT_EQ(Search("prefix-beam", beam, 2, logp)[0].tokens,
                penalised["ctc_prefix_beam_search"]["tokens"].get<Ids>());
    }
  }
  const std::string file = "models/" + golden.name + "/decode.json";
  ReportGolden("decode-ctc-scores", file, worst_ctc, atol);
  ReportGolden("decode-attention-scores", file, worst_attention, atol);
  EXPECT_GE(num_hyps, golden.Streams() ? 100 : 30);
  EXPECT_LT(num_contenders, num_hyps);
}

INSTANTIATE_TEST_SUITE_P(All, DecodeGoldenTest, testing::ValuesIn(GoldenModelNames()),
                         [](const auto &info) { return info.param; });

TEST(ModelScorer, Errors) {
  const Context ctx;
  GoldenModel golden("dense");
  const ModelScorer scorer(ctx, *golden.model);
  const Tensor encoded = ReadArchive(golden.dir + "/enc_offline.ark")[0].second;
  EXPECT_TRUE(scorer.LeftToRight(encoded)->Score({}).empty());
  const std::vector<double> scores = scorer.LeftToRight(encoded)->Score({{}, {5}, {}});
  EXPECT_LT(scores[0], 0);
  EXPECT_NEAR(scores[0], scores[2], 1e-5);  // the empty hypothesis is legal: the end alone
  EXPECT_THROW(scorer.LeftToRight(encoded)->Score({{1, 30}}), DataError);
  EXPECT_THROW(scorer.RightToLeft(encoded)->Score({{-1}}), DataError);
  EXPECT_THROW(scorer.LeftToRight(Tensor(0, 32))->Score({{1}}), DataError);
  EXPECT_THROW(scorer.LeftToRight(Tensor::Zeros(4, 31))->Score({{1}}), DataError);
}

}  // namespace
}  // namespace u2moe
