#include "base/main.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/unit-table.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turn ids of a model's units into transcripts: letters are joined, and cut into words at the "
      "unit\n"
      "for the space.\n\n"
      "Usage: tokens-to-text [options] <units.txt> <tokens-rspecifier> <text-wspecifier>\n"
      "  e.g. tokens-to-text units.txt ark:hyp.ark ark,t:hyp.txt\n");
  std::string space_unit = UnitTable::kSpace;
  po.Register("space-unit", &space_unit, "unit between two words; empty: none");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 3, InputArgs{2})) return 0;

  const UnitTable units = UnitTable::Read(po.Arg(0));
  units.RequireLetters(po.Arg(0));
  SequentialInt32VectorReader reader(po.Arg(1));
  TokenVectorWriter writer(po.Arg(2));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader,
              [&] { writer.Write(reader.Key(), units.Decode(reader.Value(), space_unit)); });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
