#include "base/log.h"
#include "base/main.h"
#include "feat/mfcc.h"
#include "pipeline/compute-feats.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Mel-frequency cepstral coefficients of audio files, as Kaldi computes them.\n\n"
      "Usage: compute-mfcc-feats [options] <wav-rspecifier> <feats-wspecifier>\n"
      "  e.g. compute-mfcc-feats --use-energy=false --dither=0 scp:wav.scp "
      "ark,scp:feats.ark,feats.scp\n");
  MfccOptions mfcc;
  ComputeFeatsOptions opts;
  mfcc.Register(&po);
  mfcc.mel.vtln.Register(&po);
  opts.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;
  mfcc.Check();
  opts.Check();
  LOG_INFO << mfcc.ToString();
  return ComputeFeatsWith<Mfcc>(mfcc, opts, po.Arg(0), po.Arg(1), &speed, &tally);
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
