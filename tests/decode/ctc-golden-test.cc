// CTC searches against WeNet's results (tests/golden/ctc_search, models/*/decode.json).
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "decode/ctc-prefix-beam.h"
#include "decode/ctc-search.h"
#include "support/golden-report.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;
using nlohmann::json;

CtcSearchOptions Options(const std::string &method, int beam) {
  CtcSearchOptions opts;
  opts.method = method;
  opts.prefix_beam.beam = beam;
  opts.nbest = method == "greedy" ? 1 : beam;
  return opts;
}

std::vector<CtcHypothesis> Decode(const CtcSearchOptions &opts, ConstView logp) {
  return CtcDecode(logp, opts.nbest, MakeSearchResource(opts)->NewSearch().get());
}

std::map<std::string, Tensor> ReadMatrices(const std::string &path) {
  std::map<std::string, Tensor> result;
  for (SequentialMatrixReader reader("ark:" + path); !reader.Done(); reader.Next()) {
    result[reader.Key()] = reader.Value();
  }
  return result;
}

// *worst is raised to the largest difference of a score.
void ExpectNBest(const std::vector<CtcHypothesis> &got, const json &want, const std::string &what,
                 double *worst) {
  ASSERT_EQ(got.size(), want["tokens"].size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].tokens, want["tokens"][i].get<Ids>()) << what << " hypothesis " << i;
    EXPECT_EQ(got[i].times, want["times"][i].get<Ids>()) << what << " hypothesis " << i;
    *worst = std::max(*worst, Deviation(got[i].Score(), want["scores"][i]));
  }
}

TEST(CtcGolden, GreedyAndNBest) {
  const std::string dir = GoldenPath("ctc_search");
  if (dir.empty()) GTEST_SKIP() << "no ctc_search";
  const auto logp = ReadMatrices(dir + "/logprobs.ark");
  const json golden = json::parse(ReadFile(dir + "/nbest.json"));
  int num_lists = 0;
  double worst = 0;
  for (const auto &entry : golden.items()) {
    const Tensor &x = logp.at(entry.key());
    EXPECT_EQ(Decode(Options("greedy", 1), x)[0].tokens, entry.value()["greedy"].get<Ids>());
    for (int beam : {1, 4, 10}) {
      const std::string name = "beam" + std::to_string(beam);
      if (!entry.value().contains(name)) continue;
      ExpectNBest(Decode(Options("prefix-beam", beam), x), entry.value()[name],
                  entry.key() + " " + name, &worst);
      ++num_lists;
    }
    if (entry.value().contains("blank_id_2")) {
      const json &want = entry.value()["blank_id_2"];
      CtcSearchOptions greedy = Options("greedy", 1);
      greedy.blank = 2;
      EXPECT_EQ(Decode(greedy, x)[0].tokens, want["greedy"].get<Ids>());
      for (const auto &list : want.items()) {
        if (list.key() == "greedy") continue;
        CtcSearchOptions opts = Options("prefix-beam", std::stoi(list.key().substr(4)));
        opts.blank = 2;
        ExpectNBest(Decode(opts, x), list.value(), entry.key() + " blank 2 " + list.key(), &worst);
        ++num_lists;
      }
    }
  }
  EXPECT_GE(num_lists, 40);
  ReportGolden("ctc-search", "ctc_search/nbest.json", worst, 1e-6);
}

// WeNet's hot words, whose last scores and order are WeNet's as well.
TEST(CtcGolden, HotWords) {
  const std::string dir = GoldenPath("ctc_search");
  const std::string path = GoldenPath("ctc_search/hotwords.json");
  if (dir.empty() || path.empty()) GTEST_SKIP() << "no ctc_search/hotwords.json";
  const auto logp = ReadMatrices(dir + "/logprobs.ark");
  int num_lists = 0;
  double worst = 0;
  const json golden = json::parse(ReadFile(path));
  for (const auto &entry : golden.items()) {
    std::vector<ContextPhrase> phrases;
    for (const json &p : entry.value()["phrases"]) {
      phrases.push_back({p.get<Ids>(), entry.value()["context_score"]});
    }
    ContextGraphOptions opts;
    opts.scoring = ContextScoring::kWenet;
    const ContextGraph context(phrases, opts);
    const Tensor &x = logp.at(entry.key());
    PrefixBeamExtras extras;
    extras.context = &context;
    extras.wenet = true;
    extras.num_units = x.Cols();
    for (int beam : {4, 10}) {
      const std::string name = "beam" + std::to_string(beam);
      if (!entry.value().contains(name)) continue;
      CtcPrefixBeamSearch search(beam, 0, 0, extras);
      ExpectNBest(CtcDecode(x, beam, &search), entry.value()[name], entry.key() + " " + name,
                  &worst);
      ++num_lists;
    }
  }
  EXPECT_GE(num_lists, 10);
  ReportGolden("ctc-search", "ctc_search/hotwords.json", worst, 1e-6);
}

TEST(CtcGolden, TinyCasesAgainstAllPathsAndWenet) {
  const std::string dir = GoldenPath("ctc_search");
  if (dir.empty()) GTEST_SKIP() << "no ctc_search";
  const auto logp = ReadMatrices(dir + "/tiny_logprobs.ark");
  const json golden = json::parse(ReadFile(dir + "/tiny_exact.json"));
  EXPECT_EQ(golden.size(), 8u);
  double worst = 0;
  for (const auto &entry : golden.items()) {
    const Tensor &x = logp.at(entry.key());
    ExpectNBest(Decode(Options("prefix-beam", entry.value()["beam"]), x), entry.value()["nbest"],
                entry.key(), &worst);
    // Nothing pruned: the exact probabilities of all label sequences.
    const auto all = Decode(Options("prefix-beam", 100000), x);
    const json &tokens = entry.value()["exact_tokens"];
    ASSERT_EQ(all.size(), tokens.size()) << entry.key();
    std::map<Ids, double> scores;
    for (const CtcHypothesis &h : all) scores[h.tokens] = h.Score();
    for (size_t i = 0; i < tokens.size(); ++i) {
      worst = std::max(
          worst, Deviation(scores.at(tokens[i].get<Ids>()), entry.value()["exact_logprob"][i]));
    }
    EXPECT_EQ(all[0].tokens, tokens[0].get<Ids>());
  }
  ReportGolden("ctc-search", "ctc_search/tiny_exact.json", worst, 1e-6);
}

// The log-posteriors of the golden models, with WeNet's searches on top, blank penalty 2 included.
TEST(CtcGolden, ModelDecodes) {
  const std::map<std::string, std::string> arks = {
      {"offline", "ctc_offline.ark"},
      {"masked_chunk4_leftall", "ctc_masked_chunk4_leftall.ark"},
      {"stream_chunk4_left2", "ctc_stream_chunk4_left2.ark"}};
  int num_utterances = 0;
  for (const char *model : {"dense", "moe", "dense_offline", "moe_conv2d6"}) {
    const std::string dir = GoldenPath(std::string("models/") + model);
    if (dir.empty()) GTEST_SKIP() << "no models/" << model;
    const json golden = json::parse(ReadFile(dir + "/decode.json"));
    double worst = 0;
    for (const auto &mode : golden["results"].items()) {
      const auto logp = ReadMatrices(dir + "/" + arks.at(mode.key()));
      for (const auto &utt : mode.value().items()) {
        const std::string what = std::string(model) + " " + mode.key() + " " + utt.key();
        const Tensor &x = logp.at(utt.key());
        const json &want = utt.value();
        EXPECT_EQ(x.Rows(), want["frames"].get<int64_t>());
        EXPECT_EQ(Decode(Options("greedy", 1), x)[0].tokens, want["ctc_greedy_search"].get<Ids>())
            << what;
        const auto nbest = Decode(Options("prefix-beam", golden["settings"]["beam_size"]), x);
        ASSERT_EQ(nbest.size(), want["nbest"].size()) << what;
        for (size_t i = 0; i < nbest.size(); ++i) {
          EXPECT_EQ(nbest[i].tokens, want["nbest"][i]["tokens"].get<Ids>()) << what;
          EXPECT_EQ(nbest[i].times, want["nbest"][i]["times"].get<Ids>()) << what;
          worst = std::max(worst, Deviation(nbest[i].Score(), want["nbest"][i]["ctc_score"]));
        }
        const json &penalised = want["blank_penalty_2"];
        for (const char *method : {"greedy", "prefix-beam"}) {
          CtcSearchOptions opts = Options(method, golden["settings"]["beam_size"]);
          opts.blank_penalty = 2;
          const auto best = Decode(opts, x)[0];
          if (method == std::string("greedy")) {
            EXPECT_EQ(best.tokens, penalised["ctc_greedy_search"].get<Ids>()) << what;
          } else {
            const json &beam = penalised["ctc_prefix_beam_search"];
            EXPECT_EQ(best.tokens, beam["tokens"].get<Ids>()) << what;
            worst = std::max(worst, Deviation(best.Score(), beam["score"]));
          }
        }
        ++num_utterances;
      }
    }
    ReportGolden("ctc-search", std::string("models/") + model + "/decode.json", worst, 1e-4);
  }
  EXPECT_GE(num_utterances, 16);
}

}  // namespace
}  // namespace u2moe
