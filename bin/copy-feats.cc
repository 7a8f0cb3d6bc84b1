#include "base/main.h"
#include "tensor/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies feature matrices from table to table, also between text, binary and compressed.\n\n"
      "Usage: copy-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "  e.g. copy-feats scp:feats.scp ark,t:-\n");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;

  SequentialMatrixReader reader(po.Arg(0));
  MatrixWriter writer(po.Arg(1));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader.Key(), [&] { writer.Write(reader.Key(), reader.Value()); });
  }
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
