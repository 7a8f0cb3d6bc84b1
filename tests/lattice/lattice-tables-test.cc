#include "lattice/lattice-tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "lattice/lattice-costs.h"
#include "lattice/random-lattice.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

// Writes numbers as they lie in a file.
class Bytes {
 public:
  template <class T>
  Bytes &Put(T value) {
    bytes_.append(reinterpret_cast<const char *>(&value), sizeof(T));
    return *this;
  }
  Bytes &Name(const std::string &name) {
    Put(static_cast<int32_t>(name.size()));
    bytes_ += name;
    return *this;
  }
  const std::string &String() const { return bytes_; }

 private:
  std::string bytes_;
};

constexpr float kInf = std::numeric_limits<float>::infinity();

Bytes Header(const std::string &arc_type, int64_t start, int64_t num_states,
             uint64_t properties = 3) {
  Bytes bytes;
  bytes.Put(int32_t{0x7eb2fdd6}).Name("vector").Name(arc_type).Put(int32_t{2}).Put(int32_t{0});
  return bytes.Put(properties).Put(start).Put(num_states).Put(int64_t{0});
}
void PutCosts(float graph, float acoustic, const std::vector<int32_t> &string, Bytes *bytes) {
  bytes->Put(graph).Put(acoustic).Put(static_cast<int32_t>(string.size()));
  for (int32_t label : string) bytes->Put(label);
}

// 0 -3,7:(0.5, 1.25)-> 1, final with 9 and (2, 0).
std::string TwoStates(float cost = 0.5f, int32_t next = 1, int32_t word = 3, int32_t out = 3) {
  Bytes bytes = Header("compactlattice44", 0, 2);
  PutCosts(kInf, kInf, {}, &bytes);
  bytes.Put(int64_t{1}).Put(word).Put(out);
  PutCosts(cost, 1.25f, {7, 8}, &bytes);
  bytes.Put(next);
  PutCosts(2, 0, {9}, &bytes);
  return bytes.Put(int64_t{0}).String();
}

CompactLattice Read(const std::string &bytes, int64_t max_bytes = MaxLatticeBytes()) {
  std::istringstream is(bytes);
  CompactLattice lattice;
  ReadLattice(is, &lattice, max_bytes);
  return lattice;
}

template <class L>
std::string Write(const L &lattice, bool binary) {
  std::ostringstream os;
  WriteLattice(os, binary, lattice);
  return os.str();
}

TEST(LatticeTables, BytesAsKaldi) {
  const CompactLattice lattice = Read(TwoStates());
  ASSERT_EQ(lattice.NumStates(), 2);
  const CompactLatticeArc arc = fst::ArcIterator<CompactLattice>(lattice, 0).Value();
  EXPECT_EQ(arc.ilabel, 3);
  EXPECT_EQ(arc.weight, CompactLatticeWeight(LatticeWeight(0.5f, 1.25f), {7, 8}));
  EXPECT_EQ(lattice.Final(1), CompactLatticeWeight(LatticeWeight(2, 0), {9}));
  EXPECT_EQ(Write(lattice, true), TwoStates());
  EXPECT_EQ(Write(lattice, false), "\n0\t1\t3\t0.5,1.25,7_8\n1\t2,0,9\n\n");
}

TEST(LatticeTables, RoundTrip) {
  Rng rng(1);
  for (int trial = 0; trial < 50; ++trial) {
    RandomLatticeOptions opts;
    opts.num_states = static_cast<int>(rng.UniformInt(1, 12));
    const Lattice lattice = RandomLattice(opts, &rng);
    CompactLattice compact;
    ConvertLattice(lattice, &compact);
    for (const bool binary : {true, false}) {
      std::istringstream is(Write(lattice, binary) + "next");
      Lattice back;
      ReadLattice(is, &back);
      EXPECT_TRUE(fst::Equal(lattice, back));
      EXPECT_EQ(Write(back, binary), Write(lattice, binary));
      EXPECT_EQ(is.get(), 'n');  // the stream stands after the value

      const CompactLattice compact_back = Read(Write(compact, binary));
      EXPECT_TRUE(fst::Equal(compact, compact_back));
      EXPECT_EQ(Write(compact_back, binary), Write(compact, binary));
      // The other kind is converted.
      EXPECT_TRUE(fst::Equal(compact, Read(Write(lattice, binary))));
      std::istringstream other(Write(compact, binary));
      ReadLattice(other, &back);
      EXPECT_EQ(back.Properties(fst::kTopSorted, true), fst::kTopSorted);
      CompactLattice again;
      ConvertLattice(back, &again);
      EXPECT_TRUE(fst::Equal(compact, again));
    }
  }
}

TEST(LatticeTables, EmptyAndSmall) {
  for (const bool binary : {true, false}) {
    EXPECT_EQ(Read(Write(CompactLattice(), binary)).NumStates(), 0);
    CompactLattice one;
    one.SetStart(one.AddState());
    one.SetFinal(0, CompactLatticeWeight::One());
    EXPECT_TRUE(fst::Equal(one, Read(Write(one, binary))));
  }
  EXPECT_EQ(Write(CompactLattice(), false), "\n\n");
}

TEST(LatticeTables, Archive) {
  CompactLatticeWriter writer("ark,t:" + File("two.txt"));
  writer.Write("a", Read(TwoStates()));
  writer.Write("b", CompactLattice());
  writer.Close();
  EXPECT_EQ(ReadFile(File("two.txt")), "a \n0\t1\t3\t0.5,1.25,7_8\n1\t2,0,9\n\nb \n\n");
  SequentialCompactLatticeReader reader("ark:" + File("two.txt"));
  ASSERT_EQ(reader.Value().NumStates(), 2);
  reader.Next();
  EXPECT_EQ(reader.Key(), "b");
  EXPECT_EQ(reader.Value().NumStates(), 0);
  reader.Next();
  EXPECT_TRUE(reader.Done());
}

TEST(LatticeTables, StatesAreSorted) {
  const std::string unsorted = "\n0\t2\t1\t1,0,\n2\t1\t2\t1,0,\n1\n\n";
  const CompactLattice lattice = Read(unsorted);
  EXPECT_EQ(lattice.Properties(fst::kTopSorted, true), fst::kTopSorted);
  EXPECT_EQ(AllPaths(lattice), AllPaths(Read("\n0\t1\t1\t1,0,\n1\t2\t2\t1,0,\n2\n\n")));
}

// A bad value that was read to its end leaves the stream behind it.
void ExpectBad(const std::string &bytes, const std::string &cause) {
  std::istringstream is(bytes + "next");
  CompactLattice lattice;
  try {
    ReadLattice(is, &lattice);
    FAIL() << "read: " << cause;
  } catch (const DataError &e) {
    EXPECT_HAS(std::string(e.what()), cause);
  }
  EXPECT_EQ(is.get(), 'n') << cause;
}

TEST(LatticeTables, BadValues) {
  ExpectBad(TwoStates(std::numeric_limits<float>::quiet_NaN()), "cost BadNumber,1.25");
  ExpectBad(TwoStates(-kInf), "cost -Infinity");
  ExpectBad(TwoStates(kInf), "cost Infinity,1.25");
  ExpectBad(TwoStates(-1e30f), "up to 1e20");
  ExpectBad(TwoStates(0, 2), "an arc to state 2, but there are 2 states");
  ExpectBad(TwoStates(0, -1), "an arc to state -1");
  ExpectBad(TwoStates(0, 0), "cycle");
  ExpectBad(TwoStates(0, 1, -3, -3), "negative label");
  ExpectBad(TwoStates(0, 1, 3, 4), "word 3 in and 4 out");
  ExpectBad(Header("compactlattice44", 0, 0).String(), "no states");
  ExpectBad("\n0\t1\t3\tnan,1,\n1\n\n", "cost BadNumber,1");
  ExpectBad("\n0\t1\t3\t1,1,1_-2\n1\n\n", "negative label");
  ExpectBad("\n0\t1\t3\t1,1,1_\n1\n\n", "line 1 of the lattice: '1,1,1_' is no weight");
  ExpectBad("\n0\t1\t3\t1,1,1,1\n1\n\n", "no weight");
  ExpectBad("\n0\t1\n1\n\n", "line 1 of the lattice: '0 1' is neither");
  ExpectBad("\n0\t1\tone\n1\n\n", "neither");
  ExpectBad("\n0\t2000000000\t1\n\n", "numbered from 0 without gaps");
  ExpectBad("\n0\t1\t3\n1\t0\t3\n1\n\n", "cycle");
  ExpectBad(" 0 1 3\n1\n\n", "follows the key");
  // kNotAcceptor of what is one, and kTopSorted of what is not.
  std::string lie = TwoStates();
  lie.replace(lie.find("compactlattice44") + 24, 8, Bytes().Put(uint64_t{0x20003}).String());
  ExpectBad(lie, "claims properties");
}

TEST(LatticeTables, BrokenStreams) {
  const auto error = [](const std::string &bytes) { return ErrorOf([&] { Read(bytes); }); };
  EXPECT_HAS(error(""), "truncated");
  EXPECT_HAS(error("FM "), "truncated");
  EXPECT_HAS(error("BFM abcdefgh"), "neither");
  EXPECT_HAS(error(Header("standard", 0, 1).String()), "arcs of the type 'standard'");
  EXPECT_HAS(error(Header("compactlattice44", 0, -1).String()), "-1 states");
  EXPECT_HAS(error(Header("compactlattice44", 0, 2000000000).String()), "data end");
  EXPECT_HAS(error("\n0\t1\t3\n1\n"), "an empty line ends it");
  const std::string whole = TwoStates();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(Read(whole.substr(0, size)), Error) << size;
  }
  std::string huge = Header("compactlattice44", 0, 1).String();
  Bytes state;
  PutCosts(kInf, kInf, {}, &state);
  EXPECT_HAS(error(huge + state.Put(int64_t{1} << 60).String()), "data end");
  EXPECT_HAS(error(huge + Bytes().Put(1.0f).Put(1.0f).Put(int32_t{-5}).String()),
             "number of labels");
}

TEST(LatticeTables, LargeOnesAreRefused) {
  Rng rng(1);
  RandomLatticeOptions opts;
  opts.num_states = 200;
  CompactLattice compact;
  ConvertLattice(RandomLattice(opts, &rng), &compact);
  for (const bool binary : {true, false}) {
    // Not even the best path goes into this; text is not read twice.
    EXPECT_HAS(ErrorOf([&] { Read(Write(compact, binary), binary ? 1 << 8 : 1 << 12); }),
               "smaller --lattice-beam");
    EXPECT_EQ(Read(Write(compact, binary), 1 << 20).NumStates(), compact.NumStates());
  }
}

// As PruneLattice would, had it gone into memory, with the largest beam that goes into the limit.
TEST(LatticeTables, LargeOnesOfFilesArePruned) {
  Rng rng(2);
  int pruned = 0, unsorted = 0;
  for (int trial = 0; trial < 200; ++trial) {
    RandomLatticeOptions opts;
    opts.num_states = static_cast<int>(rng.UniformInt(4, 16));
    Lattice lattice = RandomLattice(opts, &rng);
    if (trial % 3 == 0) {  // states in no order
      std::vector<int> order(static_cast<size_t>(lattice.NumStates()));
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
      for (size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1],
                  order[static_cast<size_t>(rng.UniformInt(0, static_cast<int64_t>(i) - 1))]);
      fst::StateSort(&lattice, order);
      ++unsorted;
    }
    const int64_t limit = lattice.NumStates() * rng.UniformInt(70, 120);
    CompactLattice compact;
    ConvertLattice(lattice, &compact);
    const auto check = [&](auto *got, auto whole) {
      std::istringstream is("x" + Write(whole, true) + "next");
      is.get();
      double beam = -2;
      try {
        beam = ReadLattice(is, got, limit);
      } catch (const DataError &e) {
        EXPECT_HAS(std::string(e.what()), "too large even to be pruned");
      }
      ASSERT_EQ(is.get(), 'n');
      if (beam == -2) return;
      fst::TopSort(&whole);
      if (std::isinf(beam)) {
        EXPECT_EQ(AllPaths(*got).size(), AllPaths(whole).size());
        return;
      }
      ++pruned;
      EXPECT_EQ(got->Properties(fst::kTopSorted, true), fst::kTopSorted);
      PruneLattice(beam, {}, &whole);
      EXPECT_EQ(got->NumStates(), whole.NumStates());
      auto a = AllPaths(*got), b = AllPaths(whole);
      const auto by_words = [](const WordPath &x, const WordPath &y) {
        return std::make_tuple(x.first, x.second.String(), PathCost(x.second)) <
               std::make_tuple(y.first, y.second.String(), PathCost(y.second));
      };
      std::sort(a.begin(), a.end(), by_words);
      std::sort(b.begin(), b.end(), by_words);
      EXPECT_EQ(a, b);
    };
    if (AllPaths(lattice).size() > 20000) continue;
    Lattice got;
    check(&got, lattice);
    CompactLattice compact_got;
    check(&compact_got, compact);
  }
  EXPECT_GT(pruned, 50);
  EXPECT_GT(unsorted, 50);
}

// Of an archive the utterance is named, and the others are read; a cycle is one, however large.
TEST(LatticeTables, LargeOnesOfArchives) {
  Rng rng(3);
  RandomLatticeOptions opts;
  opts.num_states = 300;
  const Lattice lattice = RandomLattice(opts, &rng);
  CompactLattice compact;
  ConvertLattice(lattice, &compact);
  std::istringstream is(Write(compact, true));
  CompactLattice got;
  const double beam = ReadLattice(is, &got, 75 * compact.NumStates());
  EXPECT_GE(beam, 0);
  EXPECT_LT(got.NumStates(), compact.NumStates());
  std::istringstream larger(Write(compact, true));
  EXPECT_GT(ReadLattice(larger, &got, 130 * compact.NumStates()), beam);
  compact.AddArc(compact.NumStates() - 1, CompactLatticeArc(1, 1, CompactLatticeWeight::One(), 0));
  std::istringstream cycle(Write(compact, true) + "next");
  EXPECT_HAS(ErrorOf([&] { ReadLattice(cycle, &got, 75 * compact.NumStates()); }), "cycle");
  EXPECT_EQ(cycle.get(), 'n');
}

TEST(LatticeTables, WritesNoBadCosts) {
  CompactLattice lattice = Read(TwoStates());
  lattice.SetFinal(1, CompactLatticeWeight(LatticeWeight(kInf, 1)));
  EXPECT_HAS(ErrorOf([&] { Write(lattice, true); }), "state 1 of the lattice has a bad cost");
}

}  // namespace
}  // namespace u2moe
