#include "score/wer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/rng.h"
#include "base/timer.h"
#include "score/wer-details.h"
#include "score/wer-report.h"
#include "support/golden-report.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

using Words = std::vector<std::string>;

const std::vector<Transcript> kRefs = {
    {"u1", {"THE", "CAT", "SAT"}}, {"u2", {"A", "B"}}, {"u3", {}}};
const std::vector<Transcript> kHyps = {
    {"u1", {"THE", "BAT", "SAT", "ON"}}, {"u2", {"B"}}, {"u3", {}}};

std::string Text(const WerResult &r, const WerOptions &opts) {
  WerReport report;
  report.opts = opts;
  report.first = &r;
  std::ostringstream os;
  WriteWerText(os, report);
  return os.str();
}

TEST(Wer, KaldisSummary) {
  const WerOptions opts;
  const WerResult r = ScoreTranscripts(kRefs, kHyps, opts, true);
  EXPECT_EQ(Text(r, opts),
            "%WER 60.00 [ 3 / 5, 1 ins, 1 del, 1 sub ]\n"
            "%SER 66.67 [ 2 / 3 ]\n"
            "Scored 3 sentences, 0 not present in hyp.\n");
  std::ostringstream os;
  WritePerUtterance(os, r);
  EXPECT_EQ(os.str(),
            "u1 ref  THE  CAT  SAT  <eps>\n"
            "u1 hyp  THE  BAT  SAT    ON \n"
            "u1 op    C    S    C     I  \n"
            "u1 #csid 2 1 1 0\n"
            "u2 ref    A    B\n"
            "u2 hyp  <eps>  B\n"
            "u2 op     D    C\n"
            "u2 #csid 1 0 0 1\n"
            "u3 ref  \n"
            "u3 hyp  \n"
            "u3 op   \n"
            "u3 #csid 0 0 0 0\n");
}

TEST(Wer, PerUtteranceAddsUpToTheSummary) {
  Rng rng(9);
  for (const char *align : {"kaldi", "sclite"}) {
    std::vector<Transcript> refs, hyps;
    for (int i = 0; i < 200; ++i) {
      Transcript r{"u" + std::to_string(i), {}}, h{r.key, {}};
      for (int64_t n = rng.UniformInt(0, 12); n > 0; --n) {
        r.words.push_back(std::string(1, static_cast<char>('a' + rng.UniformInt(0, 3))));
      }
      for (int64_t n = rng.UniformInt(0, 12); n > 0; --n) {
        h.words.push_back(std::string(1, static_cast<char>('a' + rng.UniformInt(0, 3))));
      }
      refs.push_back(r);
      hyps.push_back(h);
    }
    WerOptions opts;
    opts.align = align;
    const WerResult r = ScoreTranscripts(refs, hyps, opts, true);
    std::ostringstream os;
    WritePerUtterance(os, r);
    std::istringstream is(os.str());
    EditCounts sum, edits;
    int64_t wrong = 0;
    for (std::string key, what; is >> key >> what;) {
      std::string rest;
      if (what != "#csid") {
        std::getline(is, rest);
        if (what != "op") continue;
        for (char c : rest) {
          edits.correct += c == 'C';
          edits.substitutions += c == 'S';
          edits.deletions += c == 'D';
          edits.insertions += c == 'I';
        }
        continue;
      }
      EditCounts c;
      is >> c.correct >> c.substitutions >> c.insertions >> c.deletions;
      sum += c;
      wrong += c.Errors() > 0;
    }
    EXPECT_TRUE(sum == r.totals);
    EXPECT_TRUE(edits == r.totals);
    EXPECT_EQ(wrong, r.sentence_errors);
  }
}

TEST(Wer, Characters) {
  WerOptions opts;
  opts.cer = true;
  const std::vector<Transcript> refs = {{"u", {"ÄB", "中文"}}}, hyps = {{"u", {"ÄB中", "文"}}};
  // Ä B _ 中 文 against Ä B 中 _ 文
  EXPECT_EQ(Text(ScoreTranscripts(refs, hyps, opts, false), opts).substr(0, 24),
            "%CER 40.00 [ 2 / 5, 1 in");
  opts.cer = false;
  opts.chars = true;
  EXPECT_EQ(Text(ScoreTranscripts(refs, hyps, opts, false), opts).substr(0, 19),
            "%CER 0.00 [ 0 / 4, ");
  opts.cer = true;
  EXPECT_THROW(opts.Check(), UsageError);
}

TEST(Wer, ErrorsOfCompositionAreTold) {
  const std::vector<Transcript> refs = {{"u1", {"caf\u00e9", "x"}}, {"u2", {"\xff", "\u00e9"}}},
                                hyps = {{"u1", {"cafe\u0301", "y"}}, {"u2", {"\xff", "e\u0301"}}};
  const std::string told =
      " errors are of composition only, as U+00E9 against e with U+0301, first in ";
  const auto score = [&](const WerOptions &opts, int64_t errors) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(ScoreTranscripts(refs, hyps, opts, false).totals.Errors(), errors);
    return testing::internal::GetCapturedStderr();
  };
  WerOptions opts;
  EXPECT_NE(score(opts, 3).find("2" + told + "utterance u1; --normalize=nfc"), std::string::npos);
  const std::vector<Transcript> plain = {{"u1", {"caf\u00e9", "x"}}},
                                other = {{"u1", {"caf\u00e8", "y"}}};
  testing::internal::CaptureStderr();
  ScoreTranscripts(plain, other, opts, false);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  // Characters are code points; composed by any step.
  const std::vector<Transcript> a = {{"u", {"\u00e9"}}}, b = {{"u", {"e\u0301"}}};
  opts.chars = true;
  EXPECT_EQ(ScoreTranscripts(a, b, opts, false).totals.Errors(), 2);
  for (const char *step : {"nfc", "lowercase", "no-punctuation", "width", "casefold", "nfkc"}) {
    opts.normalize.normalize = step;
    EXPECT_EQ(ScoreTranscripts(a, b, opts, false).totals.Errors(), 0) << step;
  }
}

TEST(Wer, ColumnsOfWideAndInvisibleUnits) {
  std::ostringstream os;
  WritePerUtterance(os, ScoreTranscripts({{"u", {"中文", "e\u0301", "\u200b"}}},
                                         {{"u", {"ab", "x", "\u2060", "\xff"}}}, {}, true));
  EXPECT_EQ(os.str(),
            "u ref  中文  e\u0301   \u200b  <eps>\n"
            "u hyp   ab   x   \u2060    \xff  \n"
            "u op     S   S  S    I  \n"
            "u #csid 0 3 1 0\n");
}

TEST(Wer, MissingAndExtra) {
  const std::vector<Transcript> hyps = {{"u1", {"THE", "CAT", "SAT"}}, {"x9", {"A"}}};
  WerOptions opts;
  try {
    ScoreTranscripts(kRefs, hyps, opts, false);
    ADD_FAILURE();
  } catch (const UsageError &) {
    ADD_FAILURE() << "not a usage error";
  } catch (const Error &e) {
    const std::string what = e.what();
    for (const char *part : {"2 of 3", "u2, u3", "1 of 2", "x9", "--mode=present"}) {
      EXPECT_NE(what.find(part), std::string::npos) << what;
    }
  }
  opts.mode = "present";
  EXPECT_EQ(Text(ScoreTranscripts(kRefs, hyps, opts, false), opts),
            "%WER 0.00 [ 0 / 3, 0 ins, 0 del, 0 sub ] [PARTIAL]\n"
            "%SER 0.00 [ 0 / 1 ]\n"
            "Scored 1 sentences, 2 not present in hyp.\n");
  opts.mode = "all";
  EXPECT_EQ(Text(ScoreTranscripts(kRefs, hyps, opts, false), opts),
            "%WER 40.00 [ 2 / 5, 0 ins, 2 del, 0 sub ] [PARTIAL]\n"
            "%SER 33.33 [ 1 / 3 ]\n"
            "Scored 3 sentences, 2 not present in hyp.\n");
  opts.mode = "present";
  EXPECT_THROW(ScoreTranscripts(kRefs, {}, opts, false), Error);
  EXPECT_THROW(ScoreTranscripts({}, kHyps, opts, false), Error);
  opts.mode = "some";
  EXPECT_THROW(opts.Check(), UsageError);
}

TEST(Wer, EmptyReferencesNeverDivideByZero) {
  const WerOptions opts;
  EXPECT_EQ(Text(ScoreTranscripts({{"u", {}}}, {{"u", {}}}, opts, false), opts).substr(0, 17),
            "%WER 0.00 [ 0 / 0");
  const WerResult r = ScoreTranscripts({{"u", {}}}, {{"u", {"a"}}}, opts, false);
  EXPECT_EQ(Text(r, opts).substr(0, 16), "%WER inf [ 1 / 0");
  const BootstrapResult b = Bootstrap(BootstrapUnits(r, nullptr, {}), 100, 1);
  WerReport report;
  report.opts = opts;
  report.first = &r;
  report.bootstrap = &b;
  std::ostringstream os;
  WriteWerJson(os, report);
  EXPECT_TRUE(nlohmann::json::parse(os.str())["error_rate"].is_null());
}

TEST(Wer, GoldenTotals) {
  const std::string dir = GoldenPath("wer");
  if (dir.empty()) GTEST_SKIP() << "no wer";
  const auto refs = ReadTranscripts("ark:" + dir + "/ref.txt");
  const auto hyps = ReadTranscripts("ark:" + dir + "/hyp.txt");
  const auto golden = nlohmann::json::parse(ReadFile(dir + "/counts.json"))["totals"];
  double worst = 0;
  for (const char *align : {"kaldi", "sclite"}) {
    WerOptions opts;
    opts.align = align;
    const WerResult r = ScoreTranscripts(refs, hyps, opts, false);
    const auto &want = golden[align == std::string("kaldi") ? "jiwer" : "sclite"];
    EXPECT_EQ(r.totals.Errors(), want["errors"].get<int64_t>());
    EXPECT_EQ(r.totals.RefLength(), want["n"].get<int64_t>());
    EXPECT_EQ(static_cast<int64_t>(r.utterances.size()), want["utterances"].get<int64_t>());
    worst = std::max(worst, Deviation(ErrorPercent(r.totals.Errors(), r.totals.RefLength()),
                                      want["wer_percent"]));
  }
  ReportGolden("wer-percent", "wer/counts.json", worst, 1e-9);
}

// All hypotheses of the reference models: WER with its split total, CER over letters and spaces,
// letters-only CER and sentence error rate, as the reference's own scoring has them.
TEST(Wer, FsddReferenceFigures) {
  const std::string dir = FsddDir();
  if (dir.empty()) GTEST_SKIP() << "no ../shared/data/fsdd";
  std::map<std::string, std::vector<Transcript>> refs;
  for (const char *set : {"test_clean", "test_noisy"}) {
    refs[set] = ReadTranscripts("ark:" + dir + "/data/" + set + "/text");
  }
  int num_compared = 0;
  for (const char *model : {"dense", "moe", "dense_big"}) {
    const std::string folder = dir + "/wenet_" + model;
    const auto eval = nlohmann::json::parse(ReadFile(folder + "/eval.json"));
    for (const auto &want : eval["results"]) {
      const std::string name = want["test"].get<std::string>() + "_" +
                               want["mode"].get<std::string>() + "_" +
                               std::to_string(want["chunk"].get<int>());
      const auto hyps = ReadTranscripts("ark:" + folder + "/hyps_" + name + ".txt");
      WerOptions opts;
      const auto score = [&] { return ScoreTranscripts(refs[want["test"]], hyps, opts, false); };
      const auto percent = [](const WerResult &r) {
        return ErrorPercent(r.totals.Errors(), r.totals.RefLength());
      };
      const WerResult words = score();
      EXPECT_EQ(words.totals.RefLength(), want["words"].get<int64_t>()) << name;
      EXPECT_EQ(words.totals.Errors(), want["sub"].get<int64_t>() + want["del_"].get<int64_t>() +
                                           want["ins"].get<int64_t>())
          << name;
      EXPECT_NEAR(percent(words), want["wer"].get<double>(), 6e-4) << name;
      EXPECT_NEAR(
          ErrorPercent(words.sentence_errors, static_cast<int64_t>(words.utterances.size())),
          want["ser"].get<double>(), 6e-4)
          << name;
      opts.cer = true;
      EXPECT_NEAR(percent(score()), want["cer"].get<double>(), 6e-4) << name;
      opts.cer = false;
      opts.chars = true;
      EXPECT_NEAR(percent(score()), want["cer_letters"].get<double>(), 6e-4) << name;
      ++num_compared;
    }
  }
  EXPECT_GE(num_compared, 100);
}

TEST(Wer, BootstrapUnits) {
  const WerOptions opts;
  const WerResult a = ScoreTranscripts(kRefs, kHyps, opts, false);
  const WerResult b = ScoreTranscripts(kRefs, kRefs, opts, false);
  auto units = BootstrapUnits(a, &b, {});
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(units[0].errors, 2);
  EXPECT_EQ(units[0].errors2, 0);
  EXPECT_EQ(units[0].words, 3);
  units = BootstrapUnits(a, nullptr, {{"u1", "s"}, {"u2", "t"}, {"u3", "s"}});
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].errors, 2);
  EXPECT_EQ(units[1].errors, 1);
  EXPECT_EQ(units[1].words, 2);
  EXPECT_THROW(BootstrapUnits(a, nullptr, {{"u1", "s"}}), Error);
  const WerResult c = ScoreTranscripts({kRefs[0]}, {kHyps[0]}, opts, false);
  EXPECT_THROW(BootstrapUnits(a, &c, {}), Error);
}

TEST(Wer, Verdict) {
  BootstrapResult b;
  b.difference = {-0.01, 0.02};
  EXPECT_EQ(Verdict(b), "no difference");
  b.difference = {-0.02, -0.01};
  EXPECT_EQ(Verdict(b), "the second is better");
  b.difference = {0.01, 0.02};
  EXPECT_EQ(Verdict(b), "the first is better");
  b.difference = {0, 0};
  EXPECT_EQ(Verdict(b), "no difference");
}

TEST(Wer, Speed) {
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
  Rng rng(1);
  std::ostringstream ref, hyp;
  for (int u = 0; u < 100000; ++u) {
    ref << "utt" << u;
    hyp << "utt" << u;
    for (int w = 0; w < 20; ++w) {
      const int64_t word = rng.UniformInt(0, 9999);
      ref << " word" << word;
      if (rng.Uniform() < 0.9)
        hyp << " word" << (rng.Uniform() < 0.9 ? word : rng.UniformInt(0, 9999));
    }
    ref << '\n';
    hyp << '\n';
  }
  const std::string dir = TempDir();
  WriteFile(dir + "/ref", ref.str());
  WriteFile(dir + "/hyp", hyp.str());
  const double start = ThreadCpuSeconds();
  const auto refs = ReadTranscripts("ark:" + dir + "/ref"),
             hyps = ReadTranscripts("ark:" + dir + "/hyp");
  const double read = ThreadCpuSeconds();
  const WerResult r = ScoreTranscripts(refs, hyps, WerOptions(), false);
  const double end = ThreadCpuSeconds();
  EXPECT_EQ(r.totals.RefLength(), 2000000);
  std::printf("100000 utterances of 20 words: read %.2f s, scored %.2f s of CPU\n", read - start,
              end - read);
#else
  GTEST_SKIP() << "only meaningful in an optimised build";
#endif
}

}  // namespace
}  // namespace u2moe
