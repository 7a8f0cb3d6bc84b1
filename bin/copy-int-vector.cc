#include "base/main.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies integer vectors, e.g. token ids or alignments, from table to table.\n\n"
      "Usage: copy-int-vector [options] <vectors-rspecifier> <vectors-wspecifier>\n"
      "  e.g. copy-int-vector ark:tokens.ark ark,t:-\n");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;

  SequentialInt32VectorReader reader(po.Arg(0));
  Int32VectorWriter writer(po.Arg(1));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { writer.Write(reader.Key(), reader.Value()); });
  }
  writer.Close();
  return tally.Finish("vectors");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
