#include "base/log.h"
#include "base/main.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int64_t NumArcs(const CompactLattice &lattice) {
  int64_t arcs = 0;
  for (int s = 0; s < lattice.NumStates(); ++s) arcs += static_cast<int64_t>(lattice.NumArcs(s));
  return arcs;
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Takes from lattices what no path within a beam of the best goes through.\n\n"
      "Usage: lattice-prune [options] <lattice-rspecifier> <lattice-wspecifier>\n"
      "  Costs stay as they are; the scales count only where paths compete.\n"
      "  e.g. lattice-prune --beam=4 ark:lat.ark ark:small.ark\n");
  CostScaleOptions scales;
  float beam = 10;
  scales.Register(&po);
  po.Register("beam", &beam, "how much worse than the best a path may be, in scaled cost");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  if (!(beam >= 0)) throw UsageError("--beam=", beam, ": must be 0 or more");

  int64_t before = 0, after = 0;
  TransformTable<CompactLatticeHolder, CompactLatticeHolder>(
      po.Arg(0), po.Arg(1), &tally, [&](const std::string &, CompactLattice lattice) {
        before += NumArcs(lattice);
        PruneLattice(beam, scales.Scales(), &lattice);
        if (lattice.NumStates() == 0) throw DataError("the lattice has no path");
        after += NumArcs(lattice);
        return lattice;
      });
  LOG_INFO << "kept " << after << " of " << before << " arcs";
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
