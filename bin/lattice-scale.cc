#include "base/main.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Multiplies the costs of lattices.\n\n"
      "Usage: lattice-scale [options] <lattice-rspecifier> <lattice-wspecifier>\n"
      "  graph cost <- lm-scale * graph cost + acoustic2lm-scale * acoustic cost, and\n"
      "  acoustic cost <- acoustic-scale * acoustic cost + lm2acoustic-scale * graph cost\n"
      "  e.g. lattice-scale --lm-scale=0.5 ark:lat.ark ark:scaled.ark\n");
  double lm = 1, acoustic = 1, acoustic2lm = 0, lm2acoustic = 0;
  po.Register("acoustic-scale", &acoustic, "acoustic costs times this");
  po.Register("acoustic2lm-scale", &acoustic2lm, "add this times the acoustic to the graph costs");
  po.Register("lm-scale", &lm, "graph costs times this");
  po.Register("lm2acoustic-scale", &lm2acoustic, "add this times the graph to the acoustic costs");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  const double scales[2][2] = {{lm, acoustic2lm}, {lm2acoustic, acoustic}};
  TransformTable<CompactLatticeHolder, CompactLatticeHolder>(
      po.Arg(0), po.Arg(1), &tally, [&](const std::string &, CompactLattice lattice) {
        ScaleLattice(scales, &lattice);
        return lattice;
      });
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
