#include "fuzz/lattice-target.h"

#ifdef U2MOE_OPENFST
#include <sstream>

#include "base/check.h"
#include "base/rng.h"
#include "lattice/determinize.h"
#include "lattice/lattice-paths.h"
#include "lattice/lattice-tables.h"
#include "lattice/oracle.h"
#include "lattice/posteriors.h"
#include "lattice/random-lattice.h"
#endif

namespace u2moe {

#ifdef U2MOE_OPENFST
namespace {

template <class L>
std::string Bytes(const L &lattice, bool binary) {
  std::ostringstream os;
  WriteLattice(os, binary, lattice);
  return os.str();
}

// What was read can be written, and comes back the same.
template <class L>
void CheckRoundTrip(const L &lattice) {
  for (const bool binary : {true, false}) {
    const std::string bytes = Bytes(lattice, binary);
    std::istringstream is(bytes);
    L again;
    ReadLattice(is, &again);
    CHECK(Bytes(again, binary) == bytes)
        << "a lattice changed when it was copied: " << Bytes(lattice, false) << " is now "
        << Bytes(again, false);
  }
}

void UseLattice(const CompactLattice &lattice) {
  Lattice raw;
  ConvertLattice(lattice, &raw);
  CheckRoundTrip(raw);
  DeterminizeOptions opts;
  opts.max_mem = 1 << 16;
  CompactLattice det;
  try {
    DeterminizeLattice(raw, opts, &det);
    CheckRoundTrip(det);
  } catch (const DataError &) {  // the memory
  }
  for (const LatticePath &path : NBestPaths(lattice, 3)) {
    WordConfidences(lattice, path.words);
    FindOracle(lattice, path.words);
  }
  ArcPosteriors(lattice);
  CompactLattice pruned = lattice;
  PruneLattice(1, {}, &pruned);
  CheckRoundTrip(pruned);
}

}  // namespace

void FuzzLattice(std::string_view bytes) {
  std::istringstream is{std::string(bytes)};
  while (is.peek() >= 0) {
    CompactLattice lattice;
    try {
      ReadLattice(is, &lattice, 1 << 9);  // so that some are pruned
    } catch (const DataError &) {         // the next may be good
      continue;
    }
    CheckRoundTrip(lattice);
    if (lattice.NumStates() <= 1000) UseLattice(lattice);
  }
}

std::vector<std::string> LatticeSeeds() {
  Rng rng(1);
  std::vector<std::string> seeds;
  for (int n = 1; n <= 6; ++n) {
    RandomLatticeOptions opts;
    opts.num_states = n;
    const Lattice lattice = RandomLattice(opts, &rng);
    CompactLattice compact;
    ConvertLattice(lattice, &compact);
    for (const bool binary : {true, false}) {
      seeds.push_back(Bytes(lattice, binary) + Bytes(compact, binary));
      seeds.push_back(Bytes(compact, binary));
    }
  }
  return seeds;
}

#else

void FuzzLattice(std::string_view) {}
std::vector<std::string> LatticeSeeds() { return {""}; }

#endif

}  // namespace u2moe
