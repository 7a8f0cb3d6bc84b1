#include "lab/route-information.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "moe/routes.h"

namespace u2moe {
namespace {

using Ids = std::vector<int32_t>;

// One utterance for a part of mixtures "m0", "m1", ... of 4 experts.
struct Utterance {
  std::vector<Ids> experts;  // [mixture][rows * choices]
  Ids units;
  std::vector<std::string> labels;
};

void Add(const Utterance &u, int choices, RouteInformation *information,
         const std::string &part = "encoder") {
  std::vector<std::string> names;
  std::vector<RoutedRows> mixtures;
  for (const Ids &experts : u.experts) {
    names.push_back("m" + std::to_string(names.size()));
    mixtures.push_back({4, choices, experts});
  }
  information->Add(part, names, mixtures, u.units, u.labels);
}

const RouteInformation::Told &Of(const RouteInformation::Mixture &mixture,
                                 const std::string &label) {
  for (const auto &[name, told] : mixture.told) {
    if (name == label) return told;
  }
  ADD_FAILURE() << label;
  return mixture.told.front().second;
}

double Bits(const std::vector<std::pair<int, std::string>> &pairs) {
  std::map<int, double> a;
  std::map<std::string, double> b;
  std::map<std::pair<int, std::string>, double> both;
  const double one = 1.0 / static_cast<double>(pairs.size());
  for (const auto &pair : pairs) {
    a[pair.first] += one;
    b[pair.second] += one;
    both[pair] += one;
  }
  double sum = 0;
  for (const auto &[pair, p] : both) sum += p * std::log2(p / (a[pair.first] * b[pair.second]));
  return sum;
}

// Rows of one mixture with two different experts each, sometimes only one, sometimes none.
std::vector<Utterance> RandomUtterances(int n, uint64_t seed) {
  Rng rng(seed);
  std::vector<Utterance> utterances;
  for (int i = 0; i < n; ++i) {
    Utterance u;
    u.experts.resize(2);
    const int64_t rows = rng.UniformInt(1, 30);
    for (int64_t t = 0; t < rows; ++t) {
      for (Ids &experts : u.experts) {
        const int32_t first = static_cast<int32_t>(rng.UniformInt(0, 3));
        const int32_t second = static_cast<int32_t>((first + rng.UniformInt(1, 3)) % 4);
        const int64_t there = rng.UniformInt(0, 9);  // 0: none, 1: one
        experts.push_back(there > 0 ? first : kNoExpert);
        experts.push_back(there > 1 ? second : kNoExpert);
      }
      u.units.push_back(static_cast<int32_t>(rng.UniformInt(0, 5)));
    }
    u.labels = {rng.UniformInt(0, 1) ? "de" : "en", "s" + std::to_string(i % 5)};
    utterances.push_back(u);
  }
  return utterances;
}

TEST(RouteInformation, AsCountedNaively) {
  const std::vector<Utterance> utterances = RandomUtterances(12, 5);
  RouteInformation information({"lang", "spk"});
  for (const Utterance &u : utterances) Add(u, 2, &information);
  const auto results = information.Results();
  ASSERT_EQ(results.size(), 1u);
  ASSERT_EQ(results[0].mixtures.size(), 2u);
  std::vector<std::pair<int, std::string>> agreement;
  for (size_t m = 0; m < 2; ++m) {
    std::map<std::string, std::vector<std::pair<int, std::string>>> pairs;
    int successive = 0, switches = 0;
    std::map<int, double> places, empty;
    for (const Utterance &u : utterances) {
      const Ids &experts = u.experts[m];
      const size_t rows = u.units.size();
      for (size_t t = 0; t < rows; ++t) {
        const int position = static_cast<int>(10 * t / rows);
        for (size_t k = 0; k < 2; ++k) {
          places[position] += 1;
          const int e = experts[2 * t + k];
          if (e < 0) {
            empty[position] += 1;
            continue;
          }
          pairs["lang"].emplace_back(e, u.labels[0]);
          pairs["spk"].emplace_back(e, u.labels[1]);
          pairs["unit"].emplace_back(e, std::to_string(u.units[t]));
          pairs["position"].emplace_back(e, std::to_string(position));
        }
        if (t > 0 && experts[2 * t] >= 0 && experts[2 * t - 2] >= 0) {
          ++successive;
          switches += experts[2 * t] != experts[2 * t - 2];
        }
        if (m == 0 && experts[2 * t] >= 0 && u.experts[1][2 * t] >= 0)
          agreement.emplace_back(experts[2 * t], std::to_string(u.experts[1][2 * t]));
      }
    }
    const RouteInformation::Mixture &mixture = results[0].mixtures[m];
    for (const auto &[label, list] : pairs) {
      EXPECT_NEAR(Of(mixture, label).information, Bits(list), 1e-12) << label;
      // Random routes tell nothing: what is counted is what chance gives.
      EXPECT_NEAR(Of(mixture, label).by_chance, Bits(list), 0.05) << label;
    }
    EXPECT_DOUBLE_EQ(mixture.switch_rate, static_cast<double>(switches) / successive);
    EXPECT_NEAR(mixture.switch_by_chance, 0.75, 0.05);
    for (int p = 0; p < 10; ++p)
      EXPECT_DOUBLE_EQ(mixture.empty[static_cast<size_t>(p)], empty[p] / places[p]) << p;
    EXPECT_DOUBLE_EQ(mixture.mean_agreement, results[0].agreement[0][1]);
  }
  EXPECT_NEAR(results[0].agreement[0][1], Bits(agreement) / 2, 0.2 * Bits(agreement));
}

// The expert of each row is given by what is asked about.
TEST(RouteInformation, FindsWhatIsThere) {
  RouteInformation information({"lang"});
  Rng rng(3);
  const char *const langs[] = {"de", "en", "fr", "it"};
  for (int i = 0; i < 40; ++i) {
    Utterance u;
    u.experts.resize(4);
    const int32_t lang = i % 4;
    u.labels = {langs[lang]};
    for (int32_t t = 0; t < 20; ++t) {
      const int32_t unit = static_cast<int32_t>(rng.UniformInt(0, 3));
      u.units.push_back(unit);
      u.experts[0].push_back(lang);
      u.experts[1].push_back(3 - unit);
      u.experts[2].push_back(t / 5);
      u.experts[3].push_back(unit);  // as mixture 1 under other names
    }
    Add(u, 1, &information);
  }
  const auto results = information.Results();
  const auto &m = results.at(0).mixtures;
  const auto expect = [&](size_t mixture, const std::string &label, bool all) {
    const RouteInformation::Told &told = Of(m[mixture], label);
    SCOPED_TRACE(label + " " + std::to_string(mixture));
    if (all) {
      EXPECT_NEAR(told.information, 2, 0.01);  // log2 4
      EXPECT_GT(told.information - told.by_chance, 1.7);
      EXPECT_TRUE(told.beyond_chance);
    } else {
      EXPECT_LT(told.Share(), 0.02);
      EXPECT_LT(told.information, 0.05);
    }
  };
  expect(0, "lang", true);
  expect(0, "unit", false);
  expect(0, "position", false);
  expect(1, "unit", true);
  expect(1, "lang", false);
  EXPECT_NEAR(Of(m[0], "lang").p, 1 / 21., 1e-12);
  EXPECT_GT(Of(m[0], "lang").Share(), 0.85);
  // Four experts tell tenths as far as they can: 2 bits of log2 10.
  EXPECT_NEAR(Of(m[2], "position").information, 2, 0.01 + 0.2);
  EXPECT_TRUE(Of(m[2], "position").beyond_chance);
  EXPECT_DOUBLE_EQ(m[0].switch_rate, 0);
  EXPECT_DOUBLE_EQ(m[2].switch_rate, 3 / 19.);
  EXPECT_NEAR(results[0].agreement[1][3], 1, 1e-12);
  EXPECT_LT(results[0].agreement[0][1], 0.02);
}

// Few utterances of many labels: what is counted is large, though nothing is there; chance says so.
TEST(RouteInformation, ManyLabelsOfFewUtterances) {
  RouteInformation information({"spk"});
  Rng rng(11);
  for (int i = 0; i < 24; ++i) {
    Utterance u;
    u.experts.resize(1);
    const int32_t favourite = static_cast<int32_t>(rng.UniformInt(0, 3));  // rows are alike
    for (int t = 0; t < 25; ++t) {
      u.experts[0].push_back(favourite);
      u.units.push_back(0);
    }
    u.labels = {"s" + std::to_string(i / 2)};
    Add(u, 1, &information);
  }
  const auto results = information.Results();
  const RouteInformation::Told &told = Of(results.at(0).mixtures.at(0), "spk");
  EXPECT_GT(told.information, 0.5);
  EXPECT_GT(told.corrected, 0.5);  // a formula for independent rows does not help
  EXPECT_LT(std::abs(told.information - told.by_chance), 0.25);
}

TEST(RouteInformation, SameForTheSameUtterances) {
  std::string first;
  for (int i = 0; i < 2; ++i) {
    RouteInformation information({"lang", "spk"});
    for (const Utterance &u : RandomUtterances(100, 9)) Add(u, 2, &information);
    std::ostringstream text;
    information.WriteText(text);
    text << information.ToJson().dump();
    if (i == 0) first = text.str();
    EXPECT_EQ(text.str(), first);
  }
}

TEST(RouteInformation, Extremes) {
  RouteInformation none({"lang"});
  EXPECT_TRUE(none.Results().empty());
  EXPECT_EQ(none.ToJson().dump(), "[]");
  Add({{{}}, {}, {"de"}}, 2, &none);  // an utterance without rows
  EXPECT_TRUE(none.Results().empty());

  RouteInformation one({"lang"});
  Add({{{2, kNoExpert}}, {7}, {"de"}}, 2, &one);
  Add({{{kNoExpert, kNoExpert}}, {7}, {"de"}}, 2, &one);
  Add({{{2, kNoExpert}}, {7}, {"de"}}, 2, &one, "left decoder");
  const auto results = one.Results();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].name, "left decoder");
  const RouteInformation::Mixture &m = results[0].mixtures.at(0);
  for (const auto &[label, told] : m.told) {
    EXPECT_EQ(told.information, 0) << label;
    EXPECT_EQ(told.Share(), 0) << label;
    EXPECT_EQ(told.p, 1) << label;
    EXPECT_FALSE(told.beyond_chance) << label;
  }
  EXPECT_EQ(m.switch_rate, 0);
  EXPECT_EQ(m.mean_agreement, 0);
  EXPECT_DOUBLE_EQ(m.empty[0], 0.75);
  EXPECT_DOUBLE_EQ(m.empty[9], 0);
  EXPECT_NE(one.ToJson().dump().find("\"empty_by_position\":[0.75,"), std::string::npos);
}

TEST(RouteInformation, NamesOfLabels) {
  EXPECT_EQ(LabelNames({"ark:data/test/utt2lang", "ark:utt2spk", "scp:x/utt2spk", "ark:cat x |",
                        "ark:utt2unit", "noise.txt"}),
            (std::vector<std::string>{"lang", "spk", "label3", "label4", "label5", "noise.txt"}));
}

}  // namespace
}  // namespace u2moe
