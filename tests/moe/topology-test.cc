#include "moe/topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

TEST(Topology, ReadsWhatPeopleWrite) {
  const Topology t = ParseTopology(
      "# two machines\nalpha\n0 1e-5\n1e-5 0\n\nbeta  # seconds for a byte\n1e-11 1e-9\r\n2e-9 "
      "1e-11",
      "f");
  EXPECT_EQ(t.num_ranks, 2);
  EXPECT_EQ(t.alpha, (std::vector<double>{0, 1e-5, 1e-5, 0}));
  EXPECT_EQ(t.beta, (std::vector<double>{1e-11, 1e-9, 2e-9, 1e-11}));
  const Topology one = ParseTopology("beta\n5\n", "f");
  EXPECT_EQ(one.num_ranks, 1);
  EXPECT_EQ(one.alpha, std::vector<double>{0});
  WriteFile(TempDir() + "/topology", "beta\n1 2\n3 4\n");
  EXPECT_EQ(ReadTopology(TempDir() + "/topology").Beta(1, 0), 3);
  EXPECT_EQ(t.RankOf(0, 4), 0);
  EXPECT_EQ(t.RankOf(1, 4), 0);
  EXPECT_EQ(t.RankOf(2, 4), 1);
}

TEST(Topology, RefusesOtherText) {
  const auto refused = [](const std::string &text, const std::string &message) {
    try {
      ParseTopology(text, "file");
      ADD_FAILURE() << text;
    } catch (const DataError &e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
      EXPECT_EQ(std::string(e.what()).find("file"), 0u) << e.what();
    }
  };
  refused("", "no beta");
  refused("alpha\n1\n", "no beta");
  refused("beta\n", "beta has 0 lines");
  refused("beta\nalpha\n1\n", "beta has 0 lines");
  refused("1 2\n", "file:1: expected a line 'alpha' or 'beta', not 1");
  refused("beta\n1 2\n", "file:3: beta has 1 lines of 2 numbers");
  refused("beta\n1 2\n3\n", "file:3: line 2 of beta has 1 numbers; 2 ranks want 2 lines of 2");
  refused("beta\n1 2\n3 4\n5 6\n", "file:4: line 3 of beta has 2 numbers");
  refused("beta\n1\nalpha\n0 0\n0 0\n", "file:4: line 1 of alpha has 2 numbers");
  refused("beta\n1\nbeta\n1\n", "file:3: a second beta");
  for (const char *bad : {"0", "-1", "nan", "inf", "x", "1e999"})
    refused(Cat("beta\n", bad, "\n"), Cat("beta ", bad, " is not a number above 0"));
  refused("beta\n1\nalpha\n-1\n", "alpha -1 is not a number of 0 or more");
  std::string wide = "beta\n";
  for (int i = 0; i < 257; ++i) wide += "1 ";
  refused(wide, "257 ranks");
}

// Rows go in proportion to 1 / beta and sum to what there are; penalties are the inverse, of mean
// 1, whatever unit beta is in.
TEST(Topology, TargetsAndPenalties) {
  const Topology t = ParseTopology("beta\n1 2 4\n2 1 8\n4 8 1\n", "f");
  Topology scaled = t;
  for (double &b : scaled.beta) b *= 1e-9 / 3;
  for (int rank = 0; rank < 3; ++rank) {
    const std::vector<double> targets = t.Targets(rank, 6, 100), penalties = t.Penalties(rank, 6);
    double sum = 0, mean = 0, inverse = 0;
    for (int r = 0; r < 3; ++r) inverse += 1 / t.Beta(rank, r);
    for (size_t e = 0; e < 6; ++e) {
      sum += targets[e];
      mean += penalties[e] / 6;
      EXPECT_NEAR(targets[e], 100 / t.Beta(rank, static_cast<int>(e / 2)) / (2 * inverse), 1e-9);
      EXPECT_NEAR(penalties[e], scaled.Penalties(rank, 6)[e], 1e-12);
    }
    EXPECT_NEAR(sum, 100, 1e-9);
    EXPECT_NEAR(mean, 1, 1e-12);
  }
}

// Of all ways to divide the rows of a rank of two, the targets are the one whose slowest link is
// done first.
TEST(Topology, TargetsAreTheFastest) {
  for (const char *text : {"beta\n1 3\n3 1\n", "beta\n2 5\n7 1\n", "beta\n1 1\n1 1\n"}) {
    const Topology t = ParseTopology(text, "f");
    for (size_t rank = 0; rank < 2; ++rank) {
      const auto seconds = [&](const std::vector<double> &rows) {
        std::vector<std::vector<double>> all(2, std::vector<double>(rows.size(), 0));
        all[rank] = rows;
        return t.SlowestLink(all, 8);
      };
      const double best = seconds(t.Targets(static_cast<int>(rank), 2, 1000));
      for (int far = 0; far <= 1000; ++far)
        EXPECT_GE(seconds({1000.0 - far, static_cast<double>(far)}), best * (1 - 1e-12)) << far;
    }
  }
}

TEST(Topology, SlowestLink) {
  const Topology t = ParseTopology("alpha\n0 5\n6 0\nbeta\n1 2\n3 4\n", "f");
  EXPECT_EQ(t.SlowestLink({{0, 0}, {0, 0}}, 10), 0);
  EXPECT_EQ(t.SlowestLink({{1, 0}, {0, 0}}, 10), 10);
  EXPECT_EQ(t.SlowestLink({{1, 1}, {0, 0}}, 10), 5 + 20);
  EXPECT_EQ(t.SlowestLink({{1, 1}, {2, 0}}, 10), 6 + 60);
  EXPECT_EQ(t.SlowestLink({{0, 0, 1, 2}, {0, 0, 0, 0}}, 1), 5 + 6);  // two experts of one rank
}

}  // namespace
}  // namespace u2moe
