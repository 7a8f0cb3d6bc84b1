#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies integer vectors, e.g. token ids or alignments: a table to a table, or one file to "
      "one file.\n\n"
      "Usage: copy-int-vector [options] <vectors-rspecifier> <vectors-wspecifier>\n"
      "   or: copy-int-vector [options] <vector-rxfilename> <vector-wxfilename>\n"
      "  e.g. copy-int-vector ark:tokens.ark ark,t:-\n");
  bool binary = true;
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  if (IsTable(po.Arg(0)) != IsTable(po.Arg(1))) {
    throw UsageError("give two tables or two files, not one of each: ", po.Arg(0), " ", po.Arg(1));
  }
  if (!IsTable(po.Arg(0))) {
    const auto vector = ReadObject<Int32VectorFileHolder>(po.Arg(0));
    WriteObject<Int32VectorFileHolder>(po.Arg(1), binary, vector);
    LOG_INFO << "Copied the vector to " << po.Arg(1);
    return 0;
  }
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
