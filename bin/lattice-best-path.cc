#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "graph/word-table.h"
#include "lattice/lattice-paths.h"
#include "lattice/lattice-tables.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "The best path of each lattice: its words, and its input labels frame by frame.\n\n"
      "Usage: lattice-best-path [options] <lattice-rspecifier> [<words-wspecifier> "
      "[<alignment-wspecifier>]]\n"
      "  Words and alignments are int32 vectors.\n"
      "  e.g. lattice-best-path --lm-scale=1.2 ark:lat.ark ark,t:words.int\n"
      "       lattice-best-path --word-symbol-table=words.txt --text=ark,t:- ark:lat.ark\n");
  CostScaleOptions scales;
  std::string symbols, text_wspecifier;
  scales.Register(&po);
  po.RegisterInput("word-symbol-table", &symbols, "words.txt of the graph, for --text");
  po.RegisterOutput("text", &text_wspecifier, "wspecifier for the words as text, always in lines");
  RegisterLatticeLimit(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 1, 3, InputArgs{1})) return 0;
  if (!text_wspecifier.empty() && symbols.empty())
    throw UsageError("--text needs --word-symbol-table");

  std::optional<WordTable> words;
  if (!symbols.empty()) words = WordTable::Read(symbols);
  SequentialCompactLatticeReader reader(po.Arg(0));
  std::optional<Int32VectorWriter> ids, alignments;
  std::optional<TokenVectorWriter> text;
  if (po.NumArgs() > 1) ids.emplace(po.Arg(1));
  if (po.NumArgs() > 2) alignments.emplace(po.Arg(2));
  if (!text_wspecifier.empty()) text.emplace(text_wspecifier);
  double graph = 0, acoustic = 0;
  int64_t frames = 0;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const std::vector<LatticePath> paths = NBestPaths(reader.Value(), 1, scales.Scales());
      if (paths.empty()) throw DataError("the lattice has no path");
      const LatticePath &best = paths[0];
      if (text) text->Write(reader.Key(), WordsOfIds(*words, best.words, symbols));
      if (ids) ids->Write(reader.Key(), best.words);
      if (alignments) alignments->Write(reader.Key(), best.labels);
      graph += best.graph_cost;
      acoustic += best.acoustic_cost;
      frames += static_cast<int64_t>(best.labels.size());
    });
  }
  reader.Close();
  if (ids) ids->Close();
  if (alignments) alignments->Close();
  if (text) text->Close();
  LOG_INFO << "best paths over " << frames << " frames: graph cost " << graph << ", acoustic cost "
           << acoustic;
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
