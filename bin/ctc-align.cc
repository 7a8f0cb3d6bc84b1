#include <memory>

#include "base/log.h"
#include "base/main.h"
#include "base/stage-clock.h"
#include "modelfile/model-tokenizer.h"
#include "pipeline/alignment-tool.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor logp;
  AlignmentTexts::Text text;
  Segment segment;
  AlignedWords aligned;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Say when the words of transcripts were spoken: the best path of CTC through each "
      "utterance's\n"
      "log-posteriors that spells its transcript (forced alignment), corrected for the frames' "
      "place "
      "in time\n"
      "and for the delay of CTC, with scores per token and word.\n\n"
      "Usage: ctc-align [options] <units.txt | model> <logp-rspecifier> <text-rspecifier> "
      "<transcript-wxfilename>\n"
      "  --format=srt, vtt and textgrid hold one recording a file: with {recording} in its name "
      "each "
      "has one.\n"
      "  docs/transcripts.md has the formats, and how to fit the correction to a model.\n"
      "  e.g. ctc-align exp/final.safetensors ark:logp.ark ark:text words.ctm\n"
      "       ctc-align --tokens --format=srt exp/final.safetensors ark:logp.ark ark:hyp.ark "
      "'{recording}.srt'\n"
      "       ctc-align --fit --reference=dev.ctm exp/final.safetensors ark:logp.ark ark:text "
      "times.conf\n"
      "       ctc-align --config=times.conf exp/final.safetensors ark:logp.ark ark:text -\n");
  AlignmentOptions opts;
  opts.Register(&po);
  ThreadOptions threads;
  threads.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 4, 4, InputArgs{3})) return 0;
  threads.Check();
  opts.Check();

  const std::unique_ptr<Tokenizer> tokenizer =
      OpenTokenizer(po.Arg(0), opts.tokenizer, !opts.tokens);
  const FrameTimes frames = opts.frame_times.Frames(po.Arg(0));
  const WordAligner aligner(tokenizer.get(), opts.blank, frames, opts.times);
  const UtterancePlaces places(opts.segments);
  AlignmentTexts texts(opts, tokenizer.get(), po.Arg(2));
  UtteranceReader reader(po.Arg(1));
  AlignmentOutput output(opts, po.Arg(3));

  Progress progress("aligning", CountEntries(po.Arg(1)));
  const auto read = [&](Job *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->text = texts.Read(job->key); });
    job->Try([&] { job->segment = places.Find(job->key); });
    job->Try([&] { job->logp = reader.Value(); });
    job->audio_seconds = frames.shift * static_cast<double>(job->logp.Rows());
    reader.Next();
    return true;
  };
  const auto work = [&](Job *job) {
    const StageScope stage(Stage::kSearch);
    const Segment &s = job->segment;
    job->aligned = aligner.Align(job->logp, job->text.tokens, s.end < 0 ? -1 : s.end - s.start);
  };
  const auto write = [&](Job *job) {
    output.Write(job->key, job->segment, job->text, std::move(job->aligned), frames);
  };
  ForEachUtterance<Job>(threads, &speed, &tally, &progress, read, work, write);
  reader.Close();
  output.Close();
  speed.Note("threads", threads.threads);
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
