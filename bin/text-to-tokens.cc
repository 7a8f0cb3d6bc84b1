#include "base/error.h"
#include "base/main.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-tables.h"
#include "util/unit-table.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turn transcripts into the ids of a model's units: letters, and a unit for the space between "
      "words.\n\n"
      "Usage: text-to-tokens [options] <units.txt> <text-rspecifier> <tokens-wspecifier>\n"
      "  units.txt has lines 'unit id'; tokens are int32 vectors. An empty transcript gives no "
      "ids.\n"
      "  e.g. text-to-tokens units.txt ark:data/train/text ark:exp/tokens.ark\n");
  std::string space_unit = UnitTable::kSpace, unk;
  po.Register("space-unit", &space_unit, "unit between two words; empty: none");
  po.Register("unk", &unk,
              "unit for letters that the table lacks, e.g. <unk>; empty: such an utterance fails");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  const UnitTable units = UnitTable::Read(po.Arg(0));
  const int32_t unk_id = unk.empty() ? -1 : units.Find(unk);
  if (!unk.empty() && unk_id < 0)
    throw UsageError("--unk=", unk, ": ", po.Arg(0), " has no such unit");
  SequentialTokenVectorReader reader(po.Arg(1));
  Int32VectorWriter writer(po.Arg(2));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      writer.Write(reader.Key(), units.Encode(reader.Value(), space_unit, unk_id));
    });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
