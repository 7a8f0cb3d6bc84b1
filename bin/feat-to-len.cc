#include <optional>

#include "base/main.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/places.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Writes the number of frames of each utterance, or prints their sum.\n\n"
      "Usage: feat-to-len [options] <feats-rspecifier> [<lengths-wspecifier>]\n"
      "  e.g. feat-to-len scp:feats.scp ark,t:utt2num_frames\n"
      "   or: feat-to-len scp:feats.scp\n");
  UtteranceTally tally(&po);
  po.AddPlaces([&](Places *places) {
    if (po.NumArgs() < 2) places->Print("the sum");
  });
  if (!po.Parse(argc, argv, 1, 2, InputArgs{1})) return 0;

  SequentialMatrixReader reader(po.Arg(0));
  std::optional<Int32Writer> writer;
  if (po.NumArgs() == 2) writer.emplace(po.Arg(1));
  int64_t sum = 0;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const int64_t rows = reader.Value().Rows();
      if (writer) writer->Write(reader.Key(), static_cast<int32_t>(rows));
      sum += rows;
    });
  }
  if (writer) {
    writer->Close();
  } else {
    Output output("-");
    output.Stream() << sum << "\n";
    output.Close();
  }
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
