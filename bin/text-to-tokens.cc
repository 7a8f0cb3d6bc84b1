#include "base/error.h"
#include "base/main.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-watch.h"
#include "util/unicode.h"
#include "util/unit-table.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turn transcripts into the ids of a model's units: letters, and a unit for the space between "
      "words.\n\n"
      "Usage: text-to-tokens [options] <units.txt> <text-rspecifier> <tokens-wspecifier>\n"
      "  units.txt has lines 'unit id', a unit being one letter (word pieces are not supported "
      "yet);\n"
      "  tokens are int32 vectors. An empty transcript gives no ids. White space of any kind\n"
      "  separates words.\n"
      "  e.g. text-to-tokens units.txt ark:data/train/text ark:exp/tokens.ark\n");
  std::string space_unit = UnitTable::kSpace, unk;
  po.Register("space-unit", &space_unit, "unit between two words; empty: none");
  po.Register("unk", &unk,
              "unit for letters that the table lacks, e.g. <unk>; empty: such an utterance fails");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  const UnitTable units = UnitTable::Read(po.Arg(0));
  units.RequireLetters(po.Arg(0));
  const int32_t unk_id = unk.empty() ? -1 : units.Find(unk);
  if (!unk.empty() && unk_id < 0)
    throw UsageError("--unk=", unk, ": ", po.Arg(0), " has no such unit");
  SequentialTranscriptReader reader(po.Arg(1));
  Int32VectorWriter writer(po.Arg(2));
  TextWatch watch(po.Arg(1));
  Sightings unknown, recomposed, spaces;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const std::string &key = reader.Key(), &line = reader.Value();
      EncodeNotes notes;
      watch.Look(key, line);
      writer.Write(key, units.Encode(SplitWords(line), space_unit, unk_id, &notes));
      for (const std::string &letter : notes.unknown) unknown.Add(letter, key);
      if (notes.composition) recomposed.Add("transcripts whose letters", key);
      if (notes.has_space_unit) spaces.Add(space_unit, key);
    });
  }
  reader.Close();
  writer.Close();
  watch.Report();
  unknown.Log(po.Arg(1), "is not in the unit table and became " + unk + ":", true);
  recomposed.Log(po.Arg(1), "the units have in another composition (NFC or NFD):", true);
  spaces.Log(po.Arg(1),
             "is within a word, though it is the unit for the space between words:", true);
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
