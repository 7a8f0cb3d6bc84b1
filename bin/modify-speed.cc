#include "audio/resample.h"
#include "audio/wave-reader.h"
#include "base/error.h"
#include "base/main.h"
#include "util/options.h"
#include "util/progress.h"
#include "util/tally.h"
#include "util/text.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Recordings played faster or slower, tempo and pitch alike, as sox's effect `speed` does it. "
      "The\nsampling rate stays, the length becomes 1/speed. Loud recordings can grow beyond 16 "
      "bits: what is "
      "\nclipped is counted and warned about.\n\n"
      "Usage: modify-speed [options] <wav-rspecifier> <wav-wspecifier>\n"
      "  e.g. modify-speed --speed=0.9 --prefix-keys scp:wav.scp ark,scp:sp0.9.ark,sp0.9.scp\n"
      "  e.g. in wav.scp: sp1.1-utt1 modify-speed --speed=1.1 utt1.flac - |\n"
      "See also: utils/perturb_data_dir_speed.sh\n");
  std::string speed_text = "1.0";
  bool prefix_keys = false;
  po.Register("speed", &speed_text, "factor, usually 0.9, 1.0 or 1.1");
  po.Register("prefix-keys", &prefix_keys,
              "write utterances as sp<speed>-<key>, the speed as it was given");
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  double speed = 0;
  if (!ParseNumber(speed_text, &speed) || !(speed >= 0.1 && speed <= 10)) {
    throw UsageError("--speed=", speed_text, ": expected 0.1 to 10");
  }
  if (IsTable(po.Arg(0)) != IsTable(po.Arg(1))) {
    throw UsageError("give two tables or two files, not one of each: ", po.Arg(0), " ", po.Arg(1));
  }
  const auto apply = [&](const WaveData &wave) -> WaveData {
    return {wave.sample_rate, ModifySpeed(wave.samples, speed)};
  };
  if (!IsTable(po.Arg(0))) {
    WriteWaveFile(po.Arg(1), apply(ReadObject<WaveHolder>(po.Arg(0))), po.Arg(0));
    return 0;
  }
  const std::string prefix = prefix_keys ? "sp" + speed_text + "-" : "";
  SequentialWaveReader reader(po.Arg(0));
  WaveWriter writer(po.Arg(1));
  Progress progress("recordings", 0);
  for (; !reader.Done(); reader.Next(), progress.Add(1)) {
    tally.Try(reader, [&] { writer.Write(prefix + reader.Key(), apply(reader.Value())); });
  }
  reader.Close();
  writer.Close();
  return tally.Finish();
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
