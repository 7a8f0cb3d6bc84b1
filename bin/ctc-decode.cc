#include <memory>

#include "base/log.h"
#include "base/main.h"
#include "base/stage-clock.h"
#include "decode/ctc-search.h"
#include "pipeline/live-search.h"
#include "pipeline/search-outputs.h"
#include "pipeline/search-units.h"
#include "table/live-writer.h"
#include "table/text-tables.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor logp;
  SearchResult result;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Search CTC log-posteriors for token sequences: greedy (best path), prefix beam search, "
      "which "
      "sums the\n"
      "alignments of each sequence, or wfst, the best path through a graph of words.\n\n"
      "Usage: ctc-decode [options] <logp-rspecifier> <tokens-wspecifier> [<scores-wspecifier>]\n"
      "  Tokens are int32 vectors, scores float vectors of one natural-log probability.\n"
      "  With --nbest above 1 their keys are <utterance>-<n>, n from 1 (best), as many as were "
      "found.\n"
      "  The pieces of a live recording are searched as they come; --partial shows it.\n"
      "  e.g. ctc-decode --nbest=10 ark:logp.ark ark:nbest.ark ark:scores.ark\n"
      "       nnet-forward final.safetensors scp:feats.scp ark:- | ctc-decode ark:- ark:- |\n"
      "         tokens-to-text units.txt ark:- ark,t:-\n"
      "       ctc-decode --method=wfst --graph=TLG.fst --words=words.txt --text=ark,t:hyp.txt "
      "ark:logp.ark ark:hyp.ark\n"
      "       ctc-decode --units=units.txt --hot-words=hot.txt --lm=lm.arpa ark:logp.ark "
      "ark:hyp.ark\n");
  CtcSearchOptions opts;
  opts.Register(&po);
  SearchOutputs outputs;
  outputs.Register(&po);
  SearchUnitsOptions units;
  units.Register(&po);
  std::string partial_wspecifier;
  po.RegisterOutput(
      "partial", &partial_wspecifier,
      "wspecifier for the best tokens of a live recording after each of its pieces, int32 vectors "
      "under the pieces' keys, each written at once");
  ThreadOptions threads;
  threads.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 2, 3, InputArgs{1})) return 0;
  threads.Check();
  opts.Check();
  outputs.Check(&opts);

  const std::unique_ptr<const SearchResource> resource = MakeSearchResource(opts, units.Open(opts));
  LOG_INFO << opts.ToString();
  UtteranceReader reader(po.Arg(0));
  outputs.Open(po.Arg(1), po.OptionalArg(2), opts);
  std::unique_ptr<Int32VectorWriter> partial;
  if (!partial_wspecifier.empty())
    partial = std::make_unique<Int32VectorWriter>("f," + partial_wspecifier);

  Progress progress("searching", CountEntries(po.Arg(0)));
  int64_t frames = 0;
  const auto read = [&](Job *job) {
    if (reader.Done() || reader.InPieces()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->logp = reader.Value(); });
    reader.Next();
    return true;
  };
  const auto work = [&](Job *job) {
    const StageScope stage(Stage::kSearch);
    const std::unique_ptr<CtcSearch> search = resource->NewSearch();
    job->result = outputs.Collect(CtcDecode(job->logp, opts.nbest, search.get()), *search);
  };
  const auto write = [&](Job *job) {
    frames += job->logp.Rows();
    outputs.Write(job->key, job->result);
  };
  const auto search_live = [&] {
    const std::unique_ptr<CtcSearch> search = resource->NewSearch();
    std::vector<CtcHypothesis> nbest =
        SearchLive(&reader, opts.nbest, search.get(), partial.get(), &frames);
    outputs.Write(reader.Key(), outputs.Collect(std::move(nbest), *search));
  };
  while (!reader.Done()) {
    // Frames do not say how long they last, so the speed report has no audio.
    ForEachUtterance<Job>(threads, &speed, &tally, &progress, read, work, write);
    for (; !reader.Done() && reader.InPieces(); reader.Next()) {
      tally.Try(reader, search_live);
      progress.Add(1);
    }
  }
  reader.Close();
  outputs.Close();
  if (partial) partial->Close();
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
