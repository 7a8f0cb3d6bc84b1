#include "lattice/lattice.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <vector>

#include "base/rng.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::string Text(const T &value) {
  std::ostringstream os;
  os << value;
  return os.str();
}

// Eighths, so that sums are exact; every tenth is Zero().
LatticeWeight RandomWeight(Rng *rng) {
  if (rng->UniformInt(0, 10 - 1) == 0) return LatticeWeight::Zero();
  const auto cost = [&] { return static_cast<float>(rng->UniformInt(0, 32 - 1)) / 8 - 2; };
  const float graph = cost();
  return {graph, cost()};
}

CompactLatticeWeight RandomCompactWeight(Rng *rng) {
  const LatticeWeight weight = RandomWeight(rng);
  std::vector<int32_t> string;
  if (weight != LatticeWeight::Zero())
    for (auto n = rng->UniformInt(0, 3 - 1); n > 0; --n)
      string.push_back(static_cast<int32_t>(rng->UniformInt(0, 3 - 1)));
  return CompactLatticeWeight(weight, string);
}

// What makes a path semiring, and that division undoes multiplication.
template <class Weight, class Make>
void CheckSemiring(Make make) {
  Rng rng(1);
  for (int trial = 0; trial < 2000; ++trial) {
    const Weight a = make(&rng), b = make(&rng), c = make(&rng);
    ASSERT_TRUE(a.Member());
    ASSERT_EQ(Plus(a, b), Plus(b, a));
    ASSERT_EQ(Plus(a, Plus(b, c)), Plus(Plus(a, b), c));
    ASSERT_TRUE(Plus(a, b) == a || Plus(a, b) == b);
    ASSERT_EQ(Times(a, Times(b, c)), Times(Times(a, b), c));
    ASSERT_EQ(Times(a, Plus(b, c)), Plus(Times(a, b), Times(a, c))) << a << " " << b << " " << c;
    ASSERT_EQ(Times(Plus(a, b), c), Plus(Times(a, c), Times(b, c))) << a << " " << b << " " << c;
    ASSERT_EQ(Plus(a, Weight::Zero()), a);
    ASSERT_EQ(Times(a, Weight::Zero()), Weight::Zero());
    ASSERT_EQ(Times(Weight::Zero(), a), Weight::Zero());
    ASSERT_EQ(Times(a, Weight::One()), a);
    ASSERT_EQ(a.Reverse().Reverse(), a);
    if (a != Weight::Zero()) {
      ASSERT_EQ(Divide(Times(a, b), a, fst::DIVIDE_LEFT), b);
      ASSERT_EQ(Divide(Times(b, a), a, fst::DIVIDE_RIGHT), b);
    }
    ASSERT_TRUE(a != b || a.Hash() == b.Hash());
    std::stringstream stream;
    a.Write(stream);
    Weight read;
    read.Read(stream);
    ASSERT_EQ(read, a);
  }
}

TEST(LatticeWeight, IsAPathSemiring) {
  CheckSemiring<LatticeWeight>(RandomWeight);
  CheckSemiring<CompactLatticeWeight>(RandomCompactWeight);
}

TEST(LatticeWeight, TiesAsKaldi) {
  EXPECT_EQ(Plus(LatticeWeight(1, 2), LatticeWeight(2, 1)), LatticeWeight(1, 2));
  const auto weight = [](std::vector<int32_t> string) {
    return CompactLatticeWeight(LatticeWeight(1, 2), std::move(string));
  };
  EXPECT_EQ(Plus(weight({1, 2}), weight({5})), weight({5}));        // the shorter string
  EXPECT_EQ(Plus(weight({1, 2}), weight({1, 3})), weight({1, 3}));  // then the larger label
  EXPECT_EQ(Compare(weight({1, 2}), weight({1, 2})), 0);
}

TEST(LatticeWeight, Members) {
  EXPECT_TRUE(LatticeWeight::Zero().Member());
  for (const auto &w : {LatticeWeight(kNan, 0), LatticeWeight(0, kNan), LatticeWeight(-kInf, 0),
                        LatticeWeight(0, -kInf), LatticeWeight(kInf, 0), LatticeWeight(0, kInf)})
    EXPECT_FALSE(w.Member()) << w;
  EXPECT_FALSE(CompactLatticeWeight(LatticeWeight::Zero(), {1}).Member());
  EXPECT_FALSE(CompactLatticeWeight::NoWeight().Member());
  EXPECT_EQ(Divide(LatticeWeight(1, 2), LatticeWeight::Zero()), LatticeWeight::Zero());
  EXPECT_FALSE(Divide(CompactLatticeWeight(LatticeWeight(1, 1), {1}),
                      CompactLatticeWeight(LatticeWeight(1, 1), {2}), fst::DIVIDE_LEFT)
                   .Member());
}

TEST(LatticeWeight, NamesAndText) {
  EXPECT_EQ(LatticeArc::Type(), "lattice4");
  EXPECT_EQ(CompactLatticeArc::Type(), "compactlattice44");
  EXPECT_EQ(Text(LatticeWeight(0.5f, -2.25f)), "0.5,-2.25");
  EXPECT_EQ(Text(CompactLatticeWeight(LatticeWeight(0.1f, 3), {1, 2, 3})), "0.1,3,1_2_3");
  EXPECT_EQ(Text(CompactLatticeWeight::Zero()), "Infinity,Infinity,");
}

TEST(LatticeWeight, ReadTakesNoMoreThanThereIs) {
  std::stringstream stream;
  LatticeWeight(1, 2).Write(stream);
  fst::WriteType(stream, int32_t{2000000000});
  fst::WriteType(stream, int32_t{7});
  CompactLatticeWeight weight;
  weight.Read(stream);
  EXPECT_TRUE(stream.fail());
  EXPECT_EQ(weight.String(), std::vector<int32_t>{7});
}

// A lattice of words a=1, b=2 over labels 11 to 15: 0 -11:a-> 1 -12-> 2 -13-> 3, 0 -14-> 3, and
// 3 -15:b-> 4, with a final cost.
Lattice Small() {
  Lattice lattice;
  for (int i = 0; i < 5; ++i) lattice.AddState();
  lattice.SetStart(0);
  lattice.AddArc(0, LatticeArc(11, 1, LatticeWeight(0.5f, 1), 1));
  lattice.AddArc(1, LatticeArc(12, 0, LatticeWeight(0, 2), 2));
  lattice.AddArc(2, LatticeArc(13, 0, LatticeWeight(0.25f, 4), 3));
  lattice.AddArc(0, LatticeArc(14, 0, LatticeWeight(1, 1), 3));
  lattice.AddArc(3, LatticeArc(15, 2, LatticeWeight(2, 0), 4));
  lattice.SetFinal(4, {3, 0});
  return lattice;
}

TEST(ConvertLattice, ChainsBecomeArcs) {
  CompactLattice compact;
  ConvertLattice(Small(), &compact);
  ASSERT_EQ(compact.NumStates(), 3);
  ASSERT_EQ(compact.NumArcs(0), 2);
  const CompactLatticeArc a = fst::ArcIterator<CompactLattice>(compact, 0).Value();
  EXPECT_EQ(a.ilabel, 1);
  EXPECT_EQ(a.weight, CompactLatticeWeight(LatticeWeight(0.75f, 7), {11, 12, 13}));
  EXPECT_EQ(compact.Final(2), CompactLatticeWeight(LatticeWeight(3, 0)));

  Lattice back;
  ConvertLattice(compact, &back);
  CompactLattice again;
  ConvertLattice(back, &again);
  EXPECT_TRUE(fst::Equal(compact, again));
  for (const uint64_t sorted :
       {compact.Properties(fst::kTopSorted, true), back.Properties(fst::kTopSorted, true)})
    EXPECT_EQ(sorted, fst::kTopSorted);
}

TEST(ConvertLattice, FinalStringsAndEmptyLattices) {
  CompactLattice compact;
  compact.SetStart(compact.AddState());
  compact.SetFinal(0, CompactLatticeWeight(LatticeWeight(1, 2), {7, 8}));
  Lattice lattice;
  ConvertLattice(compact, &lattice);
  ASSERT_EQ(lattice.NumStates(), 3);
  EXPECT_EQ(lattice.Final(0), LatticeWeight::Zero());
  EXPECT_EQ(lattice.Final(2), LatticeWeight::One());
  EXPECT_EQ(fst::ArcIterator<Lattice>(lattice, 0).Value().weight, LatticeWeight(1, 2));

  ConvertLattice(CompactLattice(), &lattice);
  EXPECT_EQ(lattice.NumStates(), 0);
  ConvertLattice(Lattice(), &compact);
  EXPECT_EQ(compact.Start(), fst::kNoStateId);

  CompactLattice transducer;
  transducer.SetStart(transducer.AddState());
  transducer.AddArc(0, CompactLatticeArc(1, 2, CompactLatticeWeight::One(), transducer.AddState()));
  EXPECT_HAS(ErrorOf([&] { ConvertLattice(transducer, &lattice); }), "word 1 in and 2 out");
}

TEST(OpenFst, WorksOnLattices) {
  Lattice lattice = Small(), best;
  EXPECT_TRUE(fst::TopSort(&lattice));
  fst::ShortestPath(lattice, &best);
  RequireSound(best, "the shortest path");
  fst::Connect(&best);
  EXPECT_EQ(best.NumStates(), 3);  // 14, 15
}

}  // namespace
}  // namespace u2moe
