#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "tensor/kaldi-tables.h"
#include "util/options.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Copies feature matrices: a table to a table, or one file to one file. Converts between "
      "text,\n"
      "binary and, when reading, Kaldi's compressed form and doubles.\n\n"
      "Usage: copy-feats [options] <feats-rspecifier> <feats-wspecifier>\n"
      "   or: copy-feats [options] <feats-rxfilename> <feats-wxfilename>\n"
      "  e.g. copy-feats scp:feats.scp ark,t:-\n");
  bool binary = true;
  std::string num_frames_wspecifier;
  po.Register("binary", &binary, "write binary, where no table specifier says so");
  po.Register("write-num-frames", &num_frames_wspecifier,
              "wspecifier for the number of frames of each utterance, e.g. ark,t:utt2num_frames");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;

  if (IsTable(po.Arg(0)) != IsTable(po.Arg(1))) {
    throw UsageError("give two tables or two files, not one of each: ", po.Arg(0), " ", po.Arg(1));
  }
  if (!IsTable(po.Arg(0))) {
    WriteObject<MatrixHolder>(po.Arg(1), binary, ReadObject<MatrixHolder>(po.Arg(0)));
    LOG_INFO << "Copied features to " << po.Arg(1);
    return 0;
  }
  SequentialMatrixReader reader(po.Arg(0));
  MatrixWriter writer(po.Arg(1));
  std::optional<Int32Writer> num_frames;
  if (!num_frames_wspecifier.empty()) num_frames.emplace(num_frames_wspecifier);
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const Tensor &feats = reader.Value();
      writer.Write(reader.Key(), feats);
      if (num_frames) num_frames->Write(reader.Key(), static_cast<int32_t>(feats.Rows()));
    });
  }
  writer.Close();
  if (num_frames) num_frames->Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
