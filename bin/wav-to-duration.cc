#include <cstdio>

#include "audio/wave-reader.h"
#include "base/log.h"
#include "base/main.h"
#include "table/text-tables.h"
#include "util/options.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Durations of audio files in seconds.\n\n"
      "Usage: wav-to-duration [options] <wav-rspecifier> <duration-wspecifier>\n"
      "  e.g. wav-to-duration scp:wav.scp ark,t:utt2dur\n");
  bool read_entire_file = false;
  po.Register(
      "read-entire-file", &read_entire_file,
      "decode all samples, which finds broken ones; false: believe the headers of WAV files");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;

  TokenVectorWriter writer(po.Arg(1));
  double total = 0;
  const auto measure = [&](auto *reader) {
    for (; !reader->Done(); reader->Next()) {
      tally.Try(*reader, [&] {
        const double seconds = reader->Value().Duration();
        char text[32];
        std::snprintf(text, sizeof text, "%.7g", seconds);
        writer.Write(reader->Key(), {text});
        total += seconds;
      });
    }
    reader->Close();
  };
  if (read_entire_file) {
    SequentialWaveReader reader(po.Arg(0));
    measure(&reader);
  } else {
    SequentialWaveInfoReader reader(po.Arg(0));
    measure(&reader);
  }
  writer.Close();
  LOG_INFO << total << " s of audio (" << total / 3600 << " hours).";
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
