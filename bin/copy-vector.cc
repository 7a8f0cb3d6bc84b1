#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "table/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies vectors of reals: a table to a table, or one file to one file.\n\n"
      "Usage: copy-vector [options] <vectors-rspecifier> <vectors-wspecifier>\n"
      "   or: copy-vector [options] <vector-rxfilename> <vector-wxfilename>\n"
      "  e.g. copy-vector --binary=false scores.vec -\n");
  bool binary = true, change_sign = false;
  float scale = 1;
  int32_t change_dim = -1;
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  po.Register("change-sign", &change_sign, "negate every element");
  po.Register("scale", &scale, "factor for every element");
  po.Register("change-dim", &change_dim,
              "cut each vector to this many elements, or fill it with zeros; -1: as it is");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  if (change_dim < -1 || change_dim > 100'000'000) {
    throw UsageError("--change-dim=", change_dim, ": expected 0 to 100000000, or -1");
  }

  if (IsTable(po.Arg(0)) != IsTable(po.Arg(1))) {
    throw UsageError("give two tables or two files, not one of each: ", po.Arg(0), " ", po.Arg(1));
  }
  const auto changed = [&](std::vector<float> v) {
    if (change_dim >= 0) v.resize(static_cast<size_t>(change_dim));
    for (float &x : v) x = change_sign ? -scale * x : scale * x;
    return v;
  };
  if (!IsTable(po.Arg(0))) {
    WriteObject<VectorHolder>(po.Arg(1), binary, changed(ReadObject<VectorHolder>(po.Arg(0))));
    LOG_INFO << "Copied the vector to " << po.Arg(1);
    return 0;
  }
  SequentialVectorReader reader(po.Arg(0));
  VectorWriter writer(po.Arg(1));
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] { writer.Write(reader.Key(), changed(reader.Value())); });
  }
  writer.Close();
  return tally.Finish("vectors");
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
