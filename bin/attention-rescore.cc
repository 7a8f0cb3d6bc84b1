#include <memory>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "modelfile/device-options.h"
#include "modelfile/quantize.h"
#include "pipeline/encode.h"
#include "pipeline/model-scorer.h"
#include "pipeline/nbest-table.h"
#include "pipeline/rescoring-output.h"
#include "table/kaldi-tables.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor encoder_out;
  NbestList nbest;
  std::vector<RescoredHypothesis> scored;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Choose from each n-best list of ctc-decode the hypothesis that the attention decoders and "
      "the CTC score\n"
      "together like best:  (1 - r) * left-to-right + r * right-to-left + ctc-weight * CTC,  r = "
      "reverse-weight;\n"
      "and, if asked, lm-weight * LM + length-bonus * tokens. tune-weights finds the weights.\n\n"
      "Usage: attention-rescore [options] <model> <encoder-out-rspecifier> "
      "<nbest-tokens-rspecifier>\n"
      "         <nbest-scores-rspecifier> <tokens-wspecifier> [<scores-wspecifier>]\n"
      "  The keys of the n-best list are <utterance>-<n>, n from 1, in any order; the results have "
      "the order\n"
      "  of the encoder outputs and their keys.\n"
      "  e.g. ctc-decode --nbest=10 ark:logp.ark ark:nbest.ark ark:scores.ark\n"
      "       attention-rescore final.safetensors ark:encoder.ark ark:nbest.ark ark:scores.ark "
      "ark,t:hyp.tokens\n"
      "       attention-rescore --sweep-ctc-weights=0:0.1:1 final.safetensors ark:encoder.ark \\\n"
      "         ark:nbest.ark ark:scores.ark 'ark,t:hyp.{ctc}.tokens'\n");
  RescoringOptions opts;
  RescoringSweepOptions sweep;
  DeviceOptions device;
  PrecisionOptions precision_opts;
  ExpertOptions experts;
  ThreadOptions threads;
  opts.Register(&po);
  experts.RegisterSkip(&po);
  sweep.Register(&po, &opts, 4);
  device.Register(&po);
  precision_opts.Register(&po);
  threads.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 5, 6, InputArgs{4})) return 0;
  RescoringPoints(sweep, opts);  // checks all weights
  precision_opts.Check();
  threads.Check();

  const Context ctx = device.MakeContext();
  ModelInfo info;
  std::string precision;
  const std::unique_ptr<AsrModel> model = ReadModelForInference(
      ctx, po.Arg(0), precision_opts, &info, &precision, ModelPart::kDecoders);
  FitToModel(model->HasRightDecoder(), po, &opts);
  model->SetPolicy(experts.Apply(model->Config(), model->Policy()));
  const ModelScorer scorer(ctx, *model);
  const double frame_seconds =
      FrameShiftSeconds(info) * static_cast<double>(model->Encoder().SubsamplingRate());
  const std::string machine = DescribeMachine(ctx);
  RescoringOutput output(sweep, opts, model->HasRightDecoder(), po.Arg(4),
                         po.NumArgs() > 5 ? po.Arg(5) : "");
  LOG_INFO << output.ToString() << "; " << threads.ToString() << ", " << precision << ", "
           << machine;

  NbestTable nbest(po.Arg(2), po.Arg(3), sweep.lm_scores);
  UtteranceReader reader(po.Arg(1));  // joins the pieces of live recordings
  Progress progress("rescoring", CountEntries(po.Arg(1)));
  const auto read = [&](Job *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->nbest = nbest.Take(job->key); });
    job->Try([&] { job->encoder_out = reader.Value(); });
    job->audio_seconds = static_cast<double>(job->encoder_out.Rows()) * frame_seconds;
    reader.Next();
    return true;
  };
  const auto work = [&](Job *job) {
    CheckFinite("encoder output", job->encoder_out);
    job->scored = output.Score(scorer, job->encoder_out, job->nbest);
  };
  const auto write = [&](Job *job) { output.Write(job->key, job->nbest, job->scored); };
  ForEachUtterance<Job>(threads, &speed, &tally, &progress, read, work, write);
  for (const std::string &key : nbest.Rest()) {
    tally.Fail(key, Cat("hypotheses in ", po.Arg(2), ", but no encoder output in ", po.Arg(1)));
  }
  reader.Close();
  output.Close();

  output.LogChanges(tally.NumDone());
  LOG_INFO
      << "the decoders computed " << scorer.NumComputed() << " of " << output.NumRows()
      << " rows; the others were beginnings or endings in common, or could not change a choice";
  speed.Note("rows_computed", scorer.NumComputed());
  speed.Note("rows_asked", output.NumRows());
  if (sweep.Sweeps()) {
    speed.Note("weights", output.ToString());
  } else {
    speed.Note("ctc_weight", opts.ctc_weight);
    speed.Note("reverse_weight", opts.reverse_weight);
  }
  speed.Note("threads", threads.threads);
  speed.Note("precision", precision);
  speed.Note("machine", machine);
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
