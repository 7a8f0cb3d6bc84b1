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
      "Adds a penalty for each word to the graph costs of lattices.\n\n"
      "Usage: lattice-add-penalty [options] <lattice-rspecifier> <lattice-wspecifier>\n"
      "  e.g. lattice-add-penalty --word-ins-penalty=0.5 ark:lat.ark ark:- | "
      "lattice-best-path ark:- ark,t:-\n");
  float penalty = 0;
  po.Register("word-ins-penalty", &penalty,
              "the cost of a word, natural-log units; below 0 it is a bonus for length");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  TransformTable<CompactLatticeHolder, CompactLatticeHolder>(
      po.Arg(0), po.Arg(1), &tally, [&](const std::string &, CompactLattice lattice) {
        AddWordPenalty(penalty, &lattice);
        return lattice;
      });
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
