#include <memory>
#include <vector>

#include "base/log.h"
#include "base/main.h"
#include "modelfile/device-options.h"
#include "modelfile/quantize.h"
#include "pipeline/attention-output.h"
#include "pipeline/attention-search.h"
#include "pipeline/encode.h"
#include "pipeline/search-units.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor encoder_out;
  std::vector<AttentionHypothesis> nbest;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Search label by label with the left-to-right attention decoder, and with CTC prefix scores "
      "of the model's\n"
      "own CTC head:  (1 - c) * attention + c * CTC + length-bonus * labels,  c = ctc-weight.  "
      "Decides at the end of\n"
      "a recording; a live one is gathered.\n\n"
      "Usage: attention-decode [options] <model> <encoder-out-rspecifier> <tokens-wspecifier> "
      "[<scores-wspecifier>]\n"
      "  Tokens are int32 vectors, scores float vectors of one natural logarithm, as those of "
      "ctc-decode.\n"
      "  The search ends when nothing can overtake the n best that have ended, or at "
      "--max-length-ratio.\n"
      "  e.g. nnet-forward final.safetensors scp:feats.scp ark:/dev/null ark:encoder.ark\n"
      "       attention-decode final.safetensors ark:encoder.ark ark:- | tokens-to-text units.txt "
      "ark:- ark,t:-\n"
      "       attention-decode --ctc-weight=0 --nbest=5 final.safetensors ark:encoder.ark "
      "ark,t:nbest.tokens\n"
      "       attention-decode --allowed-words=spellings.txt final.safetensors ark:encoder.ark "
      "ark,t:hyp.tokens\n");
  AttentionBeamOptions opts;
  opts.Register(&po);
  ModelWordsOptions allowed;
  allowed.Register(&po);
  std::string components_wspecifier;
  po.RegisterOutput("components", &components_wspecifier,
                    "wspecifier for the scores before they are weighted, in double precision, "
                    "under the keys of the tokens: left to right, CTC");
  ExpertOptions experts;
  experts.RegisterSkip(&po);
  DeviceOptions device;
  device.Register(&po);
  PrecisionOptions precision_opts;
  precision_opts.Register(&po);
  ThreadOptions threads;
  threads.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 4, InputArgs{2})) return 0;
  opts.Check();
  precision_opts.Check();
  threads.Check();

  const Context ctx = device.MakeContext();
  ModelInfo info;
  std::string precision;
  const std::unique_ptr<AsrModel> model =
      ReadModelForInference(ctx, po.Arg(0), precision_opts, &info, &precision, ModelPart::kHeads);
  model->SetPolicy(experts.Apply(model->Config(), model->Policy()));
  const std::unique_ptr<const AllowedWords> words =
      allowed.Open(po.Arg(0), model->Config().vocab_size);
  const double frame_seconds =
      FrameShiftSeconds(info) * static_cast<double>(model->Encoder().SubsamplingRate());
  const std::string machine = DescribeMachine(ctx);
  LOG_INFO << opts.ToString() << allowed.words.ToString() << "; " << threads.ToString() << ", "
           << precision << ", " << machine;

  UtteranceReader reader(po.Arg(1));  // joins the pieces of live recordings
  AttentionOutput output(po.Arg(2), po.OptionalArg(3), components_wspecifier, opts.nbest);
  Progress progress("searching", CountEntries(po.Arg(1)));
  const auto read = [&](Job *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->encoder_out = reader.Value(); });
    job->audio_seconds = static_cast<double>(job->encoder_out.Rows()) * frame_seconds;
    reader.Next();
    return true;
  };
  const auto work = [&](Job *job) {
    AttentionSearch search(ctx, *model, opts, !components_wspecifier.empty(), words.get());
    search.Begin();
    search.Step(job->encoder_out);
    job->nbest = search.End();
  };
  const auto write = [&](Job *job) { output.Write(job->key, job->nbest); };
  ForEachUtterance<Job>(threads, &speed, &tally, &progress, read, work, write);
  reader.Close();
  output.Close();
  if (output.NumCut() > 0) {
    LOG_WARN << output.NumCut() << " of " << tally.NumDone()
             << " utterances were cut off at the limit of length, before the decoder ended "
                "them; a larger --ctc-weight keeps it from going round in circles";
  }
  speed.Note("search", opts.ToString() + allowed.words.ToString());
  speed.Note("cut_off", static_cast<double>(output.NumCut()));
  speed.Note("threads", threads.threads);
  speed.Note("precision", precision);
  speed.Note("machine", machine);
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
