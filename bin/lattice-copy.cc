#include "base/main.h"
#include "lattice/lattice-tables.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies lattices: between text and binary, and between Kaldi's two kinds.\n\n"
      "Usage: lattice-copy [options] <lattice-rspecifier> <lattice-wspecifier>\n"
      "  e.g. lattice-copy ark:lat.ark ark,t:-\n"
      "       lattice-copy --write-compact=false ark:lat.ark ark:raw.ark\n");
  bool write_compact = true;
  po.Register("write-compact", &write_compact,
              "write compact lattices, whose weights hold the input labels; else lattices with an "
              "arc for each label");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  if (write_compact) {
    TransformTable<CompactLatticeHolder, CompactLatticeHolder>(
        po.Arg(0), po.Arg(1), &tally,
        [](const std::string &, const CompactLattice &lattice) { return lattice; });
  } else {
    TransformTable<LatticeHolder, LatticeHolder>(
        po.Arg(0), po.Arg(1), &tally,
        [](const std::string &, const Lattice &lattice) { return lattice; });
  }
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
