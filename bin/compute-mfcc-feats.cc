#include "base/log.h"
#include "base/main.h"
#include "feat/feature-tool.h"
#include "feat/mfcc.h"
#include "util/options.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Mel-frequency cepstral coefficients of audio files, as Kaldi computes them.\n\n"
      "Usage: compute-mfcc-feats [options] <wav-rspecifier> <feats-wspecifier>\n"
      "   or: compute-mfcc-feats --online-frames=<n> [options] <audio-rxfilename> "
      "<feats-wspecifier>\n"
      "  e.g. compute-mfcc-feats --use-energy=false --dither=0 scp:wav.scp "
      "ark,scp:feats.ark,feats.scp\n"
      "  e.g. arecord -t raw -f S16_LE -r 16000 | compute-mfcc-feats --online-frames=16 "
      "--raw-pcm=s16le:16000:1 - ark,t:-\n");
  FeatureTool<MfccOptions> tool(&po);
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  tool.Check(po);
  const MfccOptions &mfcc = tool.extractor;
  LOG_INFO << mfcc.ToString();
  if (tool.live.online_frames > 0) {
    const Mfcc cepstra(mfcc);
    WriteLiveFeatures(
        tool.live, mfcc.Fbank(), {mfcc.frame.HtkPeriod(), mfcc.HtkKind()},
        [&](const Tensor &banks) { return cepstra.FromFbank(banks); }, tool.opts, po.Arg(0),
        po.Arg(1));
    return 0;
  }
  return ComputeFeatsWith<Mfcc>(mfcc, tool.opts, po.Arg(0), po.Arg(1), &tool.speed, &tool.tally);
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
