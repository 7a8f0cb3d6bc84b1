#include "base/log.h"
#include "base/main.h"
#include "feat/feature-tool.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Log mel filter-bank features of audio files, as Kaldi computes them.\n\n"
      "Usage: compute-fbank-feats [options] <wav-rspecifier> <feats-wspecifier>\n"
      "   or: compute-fbank-feats --online-frames=<n> [options] <audio-rxfilename> "
      "<feats-wspecifier>\n"
      "  e.g. compute-fbank-feats --num-mel-bins=80 --dither=0 scp:wav.scp "
      "ark,scp:feats.ark,feats.scp\n"
      "  e.g. compute-fbank-feats --segments=segments scp:wav.scp ark:feats.ark\n"
      "  e.g. arecord -t raw -f S16_LE -r 16000 | compute-fbank-feats --online-frames=16 "
      "--raw-pcm=s16le:16000:1 - ark,t:-\n");
  FeatureTool<FbankOptions> tool(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  tool.Check(po);
  const FbankOptions &fbank = tool.extractor;
  LOG_INFO << fbank.ToString();
  if (tool.live.online_frames > 0) {
    WriteLiveFeatures(
        tool.live, fbank, {fbank.frame.HtkPeriod(), fbank.HtkKind()},
        [](Tensor banks) { return banks; }, tool.opts, po.Arg(0), po.Arg(1));
    return 0;
  }
  return ComputeFeatsWith<Fbank>(fbank, tool.opts, po.Arg(0), po.Arg(1), &tool.speed, &tool.tally);
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
