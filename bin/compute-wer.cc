#include <iostream>

#include "base/log.h"
#include "base/main.h"
#include "score/wer-files.h"
#include "score/wer-report.h"
#include "score/wer-run.h"
#include "score/wer.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Word or character error rate of hypotheses against references: Kaldi's summary lines on "
      "stdout.\n\n"
      "Usage: compute-wer [options] <ref-rspecifier> <hyp-rspecifier> [<edits-wxfilename>]\n"
      "  The edits: 'correct a', 'substitution a b', 'deletion a' or 'insertion b' for every word, "
      "as Kaldi writes them; on standard output they stand before the summary.\n"
      "  e.g. compute-wer --bootstrap ark:data/test/text ark:exp/hyp.txt\n"
      "       compute-wer --text ark:data/test/text ark:exp/hyp.txt - | sort | uniq -c\n"
      "       compute-wer --compare=ark:exp/other/hyp.txt ark:data/test/text ark:exp/hyp.txt\n"
      "       compute-wer --html=exp/wer.html --pra=exp/hyp.pra ark:data/test/text "
      "ark:exp/hyp.txt\n");
  WerOptions opts;
  opts.Register(&po);
  WerFiles files;
  files.Register(&po);
  WerRunOptions run_opts;
  run_opts.Register(&po);
  po.RegisterUnused("text", false, "words and numbers are both read as text, as in Kaldi");
  po.AddPlaces([&po](Places *places) {
    if (po.OptionalArg(2) != "-") places->Print("the summary");
  });
  if (!po.Parse(argc, argv, 2, 3, InputArgs{2})) return 0;
  files.edits = po.OptionalArg(2);
  opts.Check();
  files.Check(!run_opts.utt2spk.empty());
  run_opts.Check(opts, files.UseSpeakers());

  LOG_INFO << opts.ToString();
  const WerRun run(opts, run_opts, po.Arg(0), po.Arg(1), files.NeedAlignment());
  files.Write(run.Report(), run.Utt2Spk());
  WriteWerText(std::cout, run.Report());
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
