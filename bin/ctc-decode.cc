#include <memory>

#include "base/log.h"
#include "base/main.h"
#include "base/stage-clock.h"
#include "decode/ctc-search.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "table/utterance-loop.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor logp;
  std::vector<CtcHypothesis> nbest;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Search CTC log-posteriors for token sequences: greedy (best path), or prefix beam search, "
      "which\n"
      "sums the alignments of each sequence.\n\n"
      "Usage: ctc-decode [options] <logp-rspecifier> <tokens-wspecifier> [<scores-wspecifier>]\n"
      "  Tokens are int32 vectors, scores float vectors of one natural-log probability.\n"
      "  With --nbest above 1 their keys are <utterance>-<n>, n from 1 (best), as many as were "
      "found.\n"
      "  e.g. ctc-decode --nbest=10 ark:logp.ark ark:nbest.ark ark:scores.ark\n"
      "       nnet-forward final.safetensors scp:feats.scp ark:- | ctc-decode ark:- ark:- |\n"
      "         tokens-to-text units.txt ark:- ark,t:-\n");
  CtcSearchOptions opts;
  opts.Register(&po);
  std::string times_wspecifier;
  po.RegisterOutput(
      "times", &times_wspecifier,
      "wspecifier for the frame of each token, int32 vectors with the keys of the tokens");
  ThreadOptions threads;
  threads.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 3, InputArgs{1})) return 0;
  threads.Check();

  const std::unique_ptr<const SearchResource> resource = MakeSearchResource(opts);
  LOG_INFO << opts.ToString();
  SequentialMatrixReader reader(po.Arg(0));
  Int32VectorWriter tokens(po.Arg(1));
  std::unique_ptr<VectorWriter> scores;
  if (po.NumArgs() > 2) scores = std::make_unique<VectorWriter>(po.Arg(2));
  std::unique_ptr<Int32VectorWriter> times;
  if (!times_wspecifier.empty()) times = std::make_unique<Int32VectorWriter>(times_wspecifier);

  Progress progress("searching", CountEntries(po.Arg(0)));
  int64_t frames = 0;
  const auto read = [&](Job *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->logp = reader.Value(); });
    reader.Next();
    return true;
  };
  const auto work = [&](Job *job) {
    const StageScope stage(Stage::kSearch);
    job->nbest = CtcDecode(job->logp, opts.nbest, resource->NewSearch().get());
  };
  const auto write = [&](Job *job) {
    frames += job->logp.Rows();
    for (size_t n = 0; n < job->nbest.size(); ++n) {
      const CtcHypothesis &h = job->nbest[n];
      const std::string key = opts.nbest > 1 ? Cat(job->key, "-", n + 1) : job->key;
      tokens.Write(key, h.tokens);
      if (scores) scores->Write(key, {static_cast<float>(h.Score())});
      if (times) times->Write(key, h.times);
    }
  };
  // Frames do not say how long they last, so the speed report has no audio.
  ForEachUtterance<Job>(threads, &speed, &tally, &progress, read, work, write);
  reader.Close();
  tokens.Close();
  if (scores) scores->Close();
  if (times) times->Close();
  LOG_INFO << "searched " << frames << " frames in " << speed.WallSeconds() << " s";
  speed.Note("search", opts.ToString());
  speed.Note("frames", static_cast<double>(frames));
  speed.Note("threads", threads.threads);
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
