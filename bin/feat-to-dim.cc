#include <optional>

#include "base/error.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Writes the feature dimension of each utterance, or that of the first one with frames to a "
      "file.\n\n"
      "Usage: feat-to-dim [options] <feats-rspecifier> (<dims-wspecifier>|<dim-wxfilename>)\n"
      "  e.g. feat-to-dim scp:feats.scp -\n");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  SequentialMatrixReader reader(po.Arg(0));
  if (!IsTable(po.Arg(1))) {
    while (!reader.Done() && reader.Value().Rows() == 0) reader.Next();
    if (reader.Done()) throw Error(po.Arg(0), ": no utterance to take the dimension of");
    const int64_t dim = reader.Value().Cols();
    Output output(po.Arg(1));
    output.Stream() << dim << "\n";
    output.Close();
    return 0;
  }
  Int32Writer writer(po.Arg(1));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader,
              [&] { writer.Write(reader.Key(), static_cast<int32_t>(reader.Value().Cols())); });
  }
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
