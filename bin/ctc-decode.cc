#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "base/thread-pool.h"
#include "decode/ctc-search.h"
#include "tensor/kaldi-tables.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"
#include "util/text-tables.h"

namespace u2moe {
namespace {

// One utterance: what goes into the search and what comes out of it.
struct Job {
  std::string key, place;
  Tensor logp;
  std::vector<CtcHypothesis> nbest;
  std::exception_ptr error;
};

void Search(const CtcSearchOptions &opts, CtcSearch *search, Job *job) {
  if (job->error) return;
  try {
    job->nbest = CtcDecode(job->logp, opts.nbest, search);
  } catch (const DataError &e) {
    job->error =
        std::make_exception_ptr(DataError(UtteranceTally::WithPlace(job->place, e.what())));
  }
}

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
      "       nnet-forward model feats.scp ark:- | ctc-decode ark:- ark:- |\n"
      "         tokens-to-text units.txt ark:- ark,t:-\n");
  CtcSearchOptions opts;
  opts.Register(&po);
  std::string times_wspecifier;
  int32_t threads = 1;
  po.Register("times", &times_wspecifier,
              "wspecifier for the frame of each token, int32 vectors with the keys of the tokens");
  po.Register("threads", &threads, "utterances searched at once; the results do not depend on it");
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 3)) return 0;
  opts.Check();
  if (threads < 1) throw UsageError("--threads=", threads, ": must be at least 1");

  LOG_INFO << opts.ToString();
  SequentialMatrixReader reader(po.Arg(0));
  Int32VectorWriter tokens(po.Arg(1));
  std::unique_ptr<VectorWriter> scores;
  if (po.NumArgs() > 2) scores = std::make_unique<VectorWriter>(po.Arg(2));
  std::unique_ptr<Int32VectorWriter> times;
  if (!times_wspecifier.empty()) times = std::make_unique<Int32VectorWriter>(times_wspecifier);

  const size_t batch = threads > 1 ? static_cast<size_t>(threads) * 8 : 1;
  std::vector<Job> jobs;
  std::vector<std::unique_ptr<CtcSearch>> searches(batch);
  for (auto &search : searches) search = MakeCtcSearch(opts);
  std::unique_ptr<ThreadPool> pool;
  if (threads > 1) pool = std::make_unique<ThreadPool>(threads);
  int64_t frames = 0;
  while (!reader.Done()) {
    jobs.clear();
    for (; !reader.Done() && jobs.size() < batch; reader.Next()) {
      jobs.emplace_back();
      jobs.back().key = reader.Key();
      jobs.back().place = reader.Where();
      try {
        jobs.back().logp = reader.Value();
      } catch (const DataError &) {
        jobs.back().error = std::current_exception();
      }
    }
    const auto search = [&](int64_t i) {
      Search(opts, searches[static_cast<size_t>(i)].get(), &jobs[static_cast<size_t>(i)]);
    };
    {
      SpeedReport::Scope scope(&speed, 0);  // frames do not say how long they last
      pool ? pool->ParallelFor(static_cast<int64_t>(jobs.size()), search) : search(0);
    }
    for (const Job &job : jobs) {
      tally.Try(job.key, [&] {
        if (job.error) std::rethrow_exception(job.error);
        frames += job.logp.Rows();
        for (size_t n = 0; n < job.nbest.size(); ++n) {
          const CtcHypothesis &h = job.nbest[n];
          const std::string key = opts.nbest > 1 ? Cat(job.key, "-", n + 1) : job.key;
          tokens.Write(key, h.tokens);
          if (scores) scores->Write(key, {static_cast<float>(h.score)});
          if (times) times->Write(key, h.times);
        }
      });
    }
  }
  reader.Close();
  tokens.Close();
  if (scores) scores->Close();
  if (times) times->Close();
  LOG_INFO << "searched " << frames << " frames in " << speed.WallSeconds() << " s";
  speed.Note("search", opts.ToString());
  speed.Note("frames", static_cast<double>(frames));
  speed.Note("threads", threads);
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
