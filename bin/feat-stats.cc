#include "feat/feat-stats.h"
#include "base/main.h"
#include "table/utterance-reader.h"
#include "util/io.h"
#include "util/options.h"
#include "util/places.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "What features look like: mean, deviation, range, NaN, infinite and silent values of each "
      "dimension\n"
      "and, if asked for, of each utterance. Prints a table; --json writes all of it.\n"
      "\n"
      "Usage: feat-stats [options] <feats-rspecifier>\n"
      "  e.g. feat-stats --per-utterance=true --json=stats.json scp:feats.scp\n");
  FeatStatsOptions opts;
  std::string json;
  opts.Register(&po);
  po.RegisterOutput("json", &json,
                    "file for the statistics as JSON; - is standard output, for no table");
  UtteranceTally tally(&po);
  po.AddPlaces([&](Places *places) {
    if (!IsStandardOutput(json)) places->Print("the table of statistics");
  });
  if (!po.Parse(argc, argv, 1, 1, InputArgs{1})) return 0;
  opts.Check();
  FeatStats stats(opts);
  UtteranceReader reader(po.Arg(0));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { stats.AddUtterance(reader.Key(), reader.Value()); });
  }
  reader.Close();
  if (!json.empty()) {
    Output output(json);
    stats.WriteJson(output.Stream());
    output.Close();
  }
  if (!IsStandardOutput(json)) {
    Output output("-");
    stats.WriteText(output.Stream());
    output.Close();
  }
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
