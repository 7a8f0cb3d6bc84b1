#include "base/log.h"
#include "base/main.h"
#include "lattice/determinize.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Determinises lattices over words: one path a word sequence, with its best alignment, of all "
      "those\n"
      "within a beam of the best.\n\n"
      "Usage: lattice-determinize-pruned [options] <lattice-rspecifier> <lattice-wspecifier>\n"
      "  Costs stay as they are; the scales count only where paths compete.\n"
      "  e.g. lattice-determinize-pruned --beam=8 ark:raw.ark ark:det.ark\n");
  CostScaleOptions scales;
  DeterminizeOptions opts;
  scales.Register(&po);
  opts.Register(&po);
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  opts.Check();

  TransformTable<LatticeHolder, CompactLatticeHolder>(
      po.Arg(0), po.Arg(1), &tally, [&](const std::string &key, const Lattice &lattice) {
        CompactLattice out;
        opts.scales = scales.Scales();
        DeterminizeAndWarn(key, lattice, opts, &out);
        return out;
      });
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
