#include <iostream>
#include <vector>

#include "base/error.h"
#include "base/main.h"
#include "score/bootstrap.h"
#include "score/wer-report.h"
#include "score/wer.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Word error rate with its 95 % interval by the bootstrap (Bisani and Ney 2004), and with a "
      "second\nhypothesis the probability that it is better, in the lines of Kaldi's tool.\n\n"
      "Usage: compute-wer-bootci [options] <ref-rspecifier> <hyp-rspecifier> [<hyp2-rspecifier>]\n"
      "  e.g. compute-wer-bootci --mode=present ark:data/test/text ark:exp/hyp.txt\n"
      "       compute-wer-bootci ark:data/test/text ark:exp/hyp.txt ark:exp/other/hyp.txt\n"
      "See also: compute-wer --bootstrap, --compare\n");
  WerOptions opts;
  int32_t replications = 10000;
  int64_t seed = 1;
  opts.RegisterMode(&po);
  po.Register("replications", &replications, "how often the test set is drawn again");
  po.Register("seed", &seed, "seed of the draws");
  po.AddPlaces([](Places *places) { places->Print("the intervals"); });
  if (!po.Parse(argc, argv, 2, 3, InputArgs{3})) return 0;
  opts.Check();
  if (replications < 1) {
    throw UsageError("--replications=", replications, ": expected 1 or more");
  }
  std::vector<Transcript> refs = ReadTranscripts(po.Arg(0));
  const std::vector<Transcript> hyps = ReadTranscripts(po.Arg(1));
  const bool has_second = po.NumArgs() == 3;
  WerResult first, second;
  if (has_second) {
    const std::vector<Transcript> hyps2 = ReadTranscripts(po.Arg(2));
    if (opts.mode == "present") refs = WithTranscripts(refs, {&hyps, &hyps2});
    second = ScoreTranscripts(refs, hyps2, opts, false);
  }
  first = ScoreTranscripts(refs, hyps, opts, false);
  const BootstrapResult result =
      Bootstrap(BootstrapUnits(first, has_second ? &second : nullptr, {}), replications,
                static_cast<uint64_t>(seed));
  if (result.num_draws == 0) throw Error("all references are empty: there is no error rate");
  WriteBootstrapText(std::cout, result, has_second);
  return 0;
}

}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
