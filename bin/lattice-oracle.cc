#include <cstdio>
#include <iostream>
#include <optional>

#include "base/main.h"
#include "graph/word-table.h"
#include "lattice/lattice-paths.h"
#include "lattice/lattice-tables.h"
#include "lattice/oracle.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/places.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "The path of each lattice that is nearest to its reference: how few errors the best choice "
      "from\n"
      "the lattices would have.\n\n"
      "Usage: lattice-oracle [options] <lattice-rspecifier> <reference-rspecifier>\n"
      "         [<words-wspecifier> [<errors-wspecifier>]]\n"
      "  References and paths are int32 vectors of word ids; with --word-symbol-table the "
      "references are\n"
      "  text, and words without an id count as wrong. The totals go to stdout.\n"
      "  e.g. lattice-oracle ark:lat.ark ark:words.ark ark,t:oracle.int\n"
      "       lattice-oracle --word-symbol-table=words.txt ark:lat.ark ark:text\n");
  std::string symbols;
  po.RegisterInput("word-symbol-table", &symbols, "words.txt of the graph: references are text");
  po.AddPlaces([](Places *places) { places->Print("the totals"); });
  RegisterLatticeLimit(&po);
  OracleOptions opts;
  opts.Register(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 4, InputArgs{2})) return 0;
  opts.Check();

  std::optional<WordTable> table;
  std::optional<RandomAccessInt32VectorReader> ids;
  std::optional<RandomAccessTokenVectorReader> text;
  if (symbols.empty()) {
    ids.emplace(po.Arg(1));
  } else {
    table = WordTable::Read(symbols);
    text.emplace(po.Arg(1));
  }
  SequentialCompactLatticeReader reader(po.Arg(0));
  std::optional<Int32VectorWriter> words;
  std::optional<Int32Writer> errors;
  if (po.NumArgs() > 2) words.emplace(po.Arg(2));
  if (po.NumArgs() > 3) errors.emplace(po.Arg(3));
  int64_t length = 0;
  OraclePath total;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      std::vector<int32_t> reference;
      if (ids) reference = ids->Value(reader.Key());
      if (text) reference = IdsOfWords(*table, text->Value(reader.Key()));
      const OraclePath path = FindOracle(reader.Value(), reference, opts);
      if (words) words->Write(reader.Key(), path.words);
      if (errors) errors->Write(reader.Key(), static_cast<int32_t>(path.Errors()));
      length += static_cast<int64_t>(reference.size());
      total.insertions += path.insertions;
      total.deletions += path.deletions;
      total.substitutions += path.substitutions;
    });
  }
  reader.Close();
  if (words) words->Close();
  if (errors) errors->Close();
  char rate[32];
  std::snprintf(rate, sizeof(rate), "%.2f",
                100.0 * static_cast<double>(total.Errors()) / static_cast<double>(length));
  std::cout << "Overall %WER " << (length > 0 ? rate : "-") << " [ " << total.Errors() << " / "
            << length << ", " << total.insertions << " insertions, " << total.deletions
            << " deletions, " << total.substitutions << " sub ]\n";
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
