#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "modelfile/quantize.h"
#include "pipeline/encode.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"
#include "util/options.h"

namespace u2moe {
namespace {

struct Job : UtteranceJob {
  Tensor feats, encoder_out, logp;
};

// Encoder and CTC head for all jobs that next() gives.
void EncodeJobs(const Context &ctx, const AsrModel &model, const EncodeOptions &opts, int streams,
                const std::function<Job *()> &next) {
  EncodeUtterances(ctx, model.Encoder(), opts, streams, [&](Utterance *utterance) {
    Job *job = next();
    if (job == nullptr) return false;
    utterance->feats = job->feats;
    const Timer timer;
    utterance->done = [&ctx, &model, streams, timer, job](Tensor out, std::exception_ptr error) {
      job->error = error;
      job->Try([&] {
        job->encoder_out = std::move(out);
        job->logp = model.CtcLogProbs(ctx, job->encoder_out);
        CheckComputed("CTC output", job->logp, job->feats);
      });
      if (streams == 1) job->seconds = timer.Elapsed();
    };
    return true;
  });
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Encoder and CTC head of a model: features to CTC log-posteriors, and the encoder output for "
      "rescoring. Pieces of live recordings (--online-frames) are joined first.\n\n"
      "Usage: nnet-forward [options] <model> <feats-rspecifier> <logp-wspecifier> "
      "[<encoder-out-wspecifier>]\n"
      "  e.g. nnet-forward final.safetensors scp:feats.scp ark:logp.ark ark:encoder.ark\n"
      "       nnet-forward --chunk-size=16 --streaming final.safetensors scp:feats.scp ark:- |\n"
      "         ctc-decode ark:- ark,t:hyp.tokens\n");
  EncodeOptions opts;
  ExpertOptions experts;
  ThreadOptions threads;
  int32_t streams = 1;
  PrecisionOptions precision_opts;
  std::string device = "cpu", precision;
  opts.Register(&po);
  experts.Register(&po);
  threads.Register(&po);
  threads.RegisterOps(&po);
  po.Register(
      "streams", &streams,
      "with --streaming: utterances that each thread advances together, chunk by chunk; the "
      "weights are read once for all of them, the results do not depend on it");
  po.Register("device", &device, "where to compute: cpu");
  precision_opts.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 4, InputArgs{2})) return 0;
  opts.Check();
  threads.Check();
  if (streams < 1 || (streams > 1 && !opts.streaming)) {
    throw UsageError("--streams=", streams, ": must be at least 1, and above 1 needs --streaming");
  }
  precision_opts.Check();
  const std::unique_ptr<ThreadPool> pool = threads.OpPool();
  Context ctx(ParseDevice(device));
  ctx.SetPool(pool.get(), threads.op_threads);

  ModelInfo info;
  const std::unique_ptr<AsrModel> model =
      ReadModelForInference(ctx, po.Arg(0), precision_opts, &info, &precision, ModelPart::kEncoder);
  opts.CheckModel(model->Config().encoder);
  model->SetPolicy(experts.Apply(model->Config(), model->Policy()));
  const double frame_shift = FrameShiftSeconds(info);
  LOG_INFO << opts.ToString() << "; " << threads.ToString() << ", " << precision << ", experts "
           << model->Policy().ToString() << ", " << DescribeMachine();

  UtteranceReader reader(po.Arg(1));
  MatrixWriter logp_writer(po.Arg(2));
  std::unique_ptr<MatrixWriter> encoder_writer;
  if (po.NumArgs() > 3) encoder_writer = std::make_unique<MatrixWriter>(po.Arg(3));
  Progress progress("encoding", CountEntries(po.Arg(1)));
  int64_t frames = 0;
  const auto read = [&](Job *job) {
    if (reader.Done()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->feats = reader.Value(); });
    job->audio_seconds = static_cast<double>(job->feats.Rows()) * frame_shift;
    reader.Next();
    return true;
  };
  const auto work = [&](const std::function<Job *()> &next) {
    EncodeJobs(ctx, *model, opts, streams, next);
  };
  const auto write = [&](Job *job) {
    logp_writer.Write(job->key, job->logp);
    if (encoder_writer) encoder_writer->Write(job->key, job->encoder_out);
    frames += job->logp.Rows();
  };
  ForEachGroup<Job>(threads, streams, &speed, &tally, &progress, read, work, write);
  reader.Close();
  logp_writer.Close();
  if (encoder_writer) encoder_writer->Close();
  LOG_INFO << frames << " encoder frames";
  speed.Note("chunk_size", opts.chunk_size);
  speed.Note("num_left_chunks", opts.num_left_chunks);
  speed.Note("streaming", opts.streaming ? "true" : "false");
  speed.Note("streams", streams);
  speed.Note("threads", threads.threads);
  speed.Note("precision", precision);
  speed.Note("experts", model->Policy().ToString());
  speed.Note("machine", DescribeMachine());
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
