#include <iostream>
#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "pipeline/tuning-report.h"
#include "pipeline/tuning-set.h"
#include "util/options.h"
#include "util/places.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Find the weights of attention-rescore that make the fewest errors on a development set, "
      "from "
      "the scores of\n"
      "its n-best lists: a grid, then smaller and smaller steps around its best point. Ties go to "
      "what is nearest\n"
      "to attention-rescore's weights without tuning.\n\n"
      "Usage: tune-weights [options] <nbest-tokens-rspecifier> <nbest-text-rspecifier> "
      "<components-rspecifier>\n"
      "         <ref-rspecifier> [<config-wxfilename>]\n"
      "  All keys but those of the references are <utterance>-<n>, n from 1. The configuration is "
      "for attention-rescore --config.\n"
      "  e.g. attention-rescore --components=ark:parts.ark final.safetensors ark:encoder.ark "
      "ark:nbest.ark \\\n"
      "         ark:scores.ark ark:/dev/null\n"
      "       tune-weights --not-for=ark:data/eval/text ark:nbest.ark \\\n"
      "         'ark:tokens-to-text units.txt ark:nbest.ark ark,t:- |' ark:parts.ark "
      "ark:data/dev/text rescore.conf\n");
  WerOptions wer;
  wer.Register(&po);
  TuningGridOptions grid;
  grid.Register(&po);
  std::string lm_scores, not_for;
  po.RegisterInput("lm-scores", &lm_scores,
                   "rspecifier of a language model's scores, as for attention-rescore");
  po.RegisterInput("not-for", &not_for,
                   "rspecifier of the texts that will be reported: it is an error if they are "
                   "those tuned on");
  po.AddPlaces([](Places *places) { places->Print("the table"); });
  if (!po.Parse(argc, argv, 4, 5, InputArgs{4})) return 0;
  wer.Check();
  const TuningGrid points = grid.Grid();

  const std::vector<Transcript> refs = ReadTranscripts(po.Arg(3));
  if (!not_for.empty()) RefuseSameSet(refs, po.Arg(3), ReadTranscripts(not_for), not_for);
  if (not_for.empty()) {
    LOG_WARN << "nothing says which texts will be reported; --not-for makes sure that they are "
                "others";
  }
  int64_t num_left_out = 0;
  const TuningSet set =
      ReadTuningSet({po.Arg(0), po.Arg(1), po.Arg(2), lm_scores}, refs, wer, &num_left_out);
  const TunedWeights coarse = SearchGrid(set, points),
                     best = RefineWeights(set, coarse, grid.halvings);
  LOG_INFO << "chosen: " << best.weights.ToString() << "; " << wer.ToString();
  if (TuningErrors(set, UntunedWeights(set)) == best.errors) {
    LOG_WARN << "this set does not tell any weights from those without tuning ("
             << UntunedWeights(set).ToString() << "): none that were tried make fewer errors";
  }
  WriteTuningTable(std::cout, set, points, coarse, best, wer.RateName());
  if (num_left_out > 0) LOG_WARN << num_left_out << " references had no n-best list";
  if (po.NumArgs() > 4) WriteTuningConfig(po.Arg(4), set, best, wer, po.Arg(3));
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
