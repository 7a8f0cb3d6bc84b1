#include "base/log.h"
#include "base/main.h"
#include "feat/mfcc.h"
#include "pipeline/compute-feats.h"
#include "pipeline/live-features.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

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
  MfccOptions mfcc;
  ComputeFeatsOptions opts;
  mfcc.Register(&po);
  mfcc.mel.vtln.Register(&po);
  opts.Register(&po);
  LiveOptions live;
  live.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;
  mfcc.Check();
  opts.Check();
  live.Check(po);
  LOG_INFO << mfcc.ToString();
  if (live.online_frames > 0) {
    const Mfcc cepstra(mfcc);
    WriteLiveFeatures(
        live, mfcc.Fbank(), {mfcc.frame.HtkPeriod(), mfcc.HtkKind()},
        [&](const Tensor &banks) { return cepstra.FromFbank(banks); }, opts, po.Arg(0), po.Arg(1));
    return 0;
  }
  return ComputeFeatsWith<Mfcc>(mfcc, opts, po.Arg(0), po.Arg(1), &speed, &tally);
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
