#include <memory>
#include <optional>
#include <vector>

#include "base/main.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-tables.h"
#include "lattice/lm-rescore.h"
#include "table/table-loop.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Adds the score of a language model to the graph costs of lattices, and takes that of the "
      "model away\n"
      "which the search had.\n\n"
      "Usage: lattice-lm-rescore [options] <lattice-rspecifier> <language-model> "
      "<lattice-wspecifier>\n"
      "  Language models are ARPA files (exact back-off) or grammars, FST files of arpa-to-fst "
      "(the best\n"
      "  path). That of --remove counts as the graph has it, whichever file it is.\n"
      "  e.g. lattice-lm-rescore --word-symbol-table=words.txt --remove=small.arpa ark:lat.ark "
      "big.arpa ark:big.lat\n"
      "       lattice-lm-rescore --lm-scale=-1 --word-symbol-table=words.txt ark:lat.ark G.fst "
      "ark:none.lat\n");
  double scale = 1, remove_scale = 1, oov_cost = 10;
  std::string remove, symbols;
  int64_t max_arcs = 20000000;
  po.Register("lm-scale", &scale,
              "the scores of the model times this; below 0 they are taken away");
  po.RegisterInput("remove", &remove,
                   "file of the language model of the search, whose score is taken away");
  po.Register("remove-scale", &remove_scale, "its score times this is taken away");
  po.RegisterInput("word-symbol-table", &symbols, "words.txt of the graph; ARPA files need it");
  po.Register("oov-cost", &oov_cost,
              "the cost of a word that an ARPA file does not know and has no <unk> for");
  po.Register("max-arcs", &max_arcs, "an utterance whose result has more arcs fails");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;
  if (!(remove_scale >= 0))
    throw UsageError("--remove-scale=", remove_scale, ": must not be below 0");

  const WordTable words = symbols.empty() ? WordTable() : WordTable::Read(symbols);
  // What is taken away is what the search had.
  const LatticeLmFile added =
      ReadLatticeLm(po.Arg(1), words, scale < 0 ? BackOff::kAsGraph : BackOff::kExact, oov_cost);
  std::vector<LmTerm> terms = {{added.lm.get(), scale}};
  LatticeLmFile removed;
  if (!remove.empty()) {
    removed = ReadLatticeLm(remove, words, BackOff::kAsGraph, oov_cost);
    terms.push_back({removed.lm.get(), -remove_scale});
  }
  if (symbols.empty() && (added.ngrams || removed.ngrams)) {
    throw UsageError(
        "--word-symbol-table is needed: an ARPA file has words, and lattices have ids");
  }
  TransformTable<CompactLatticeHolder, CompactLatticeHolder>(
      po.Arg(0), po.Arg(2), &tally, [&](const std::string &, const CompactLattice &lattice) {
        CompactLattice out;
        RescoreLattice(lattice, terms, max_arcs, &out);
        if (out.NumStates() == 0) throw DataError("no path of the lattice is left");
        return out;
      });
  return tally.Finish("lattices");
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
