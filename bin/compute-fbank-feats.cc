#include "base/log.h"
#include "base/main.h"
#include "feat/fbank.h"
#include "pipeline/compute-feats.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Log mel filter-bank features of audio files, as Kaldi computes them.\n\n"
      "Usage: compute-fbank-feats [options] <wav-rspecifier> <feats-wspecifier>\n"
      "  e.g. compute-fbank-feats --num-mel-bins=80 --dither=0 scp:wav.scp "
      "ark,scp:feats.ark,feats.scp\n");
  FbankOptions fbank;
  ComputeFeatsOptions opts;
  fbank.Register(&po);
  fbank.mel.vtln.Register(&po);
  opts.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 2)) return 0;
  fbank.Check();
  opts.Check();
  LOG_INFO << fbank.ToString();
  return ComputeFeatsWith<Fbank>(fbank, opts, po.Arg(0), po.Arg(1), &speed, &tally);
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
