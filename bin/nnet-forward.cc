#include <memory>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "modelfile/device-options.h"
#include "modelfile/quantize.h"
#include "modelfile/utterance-tags.h"
#include "pipeline/encode.h"
#include "pipeline/forward.h"
#include "util/options.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Encoder and CTC head of a model: features to CTC log-posteriors, and the encoder output for "
      "rescoring. Of a live recording (--online-frames) each piece is encoded as it comes with "
      "--streaming, and what it gives goes on at once into a pipe; else pieces are joined "
      "first.\n\n"
      "Usage: nnet-forward [options] <model> <feats-rspecifier> <logp-wspecifier> "
      "[<encoder-out-wspecifier>]\n"
      "  e.g. nnet-forward final.safetensors scp:feats.scp ark:logp.ark ark:encoder.ark\n"
      "       nnet-forward --batch-seconds=60 --threads=4 final.safetensors scp:feats.scp "
      "ark:logp.ark\n"
      "       nnet-forward --chunk-size=16 --streaming final.safetensors scp:feats.scp ark:- |\n"
      "         ctc-decode ark:- ark,t:hyp.tokens\n");
  EncodeOptions opts;
  ExpertOptions experts;
  ThreadOptions threads;
  Together together;
  PrecisionOptions precision_opts;
  DeviceOptions device;
  std::string precision, tags_rspecifier;
  opts.Register(&po);
  experts.Register(&po);
  threads.Register(&po);
  threads.RegisterOps(&po);
  RegisterTogether(&po, &together);
  device.Register(&po);
  RegisterTags(&po, &tags_rspecifier);
  precision_opts.Register(&po);
  SpeedReport speed(&po);
  UtteranceTally tally(&po);
  if (!po.Parse(argc, argv, 3, 4, InputArgs{2})) return 0;
  opts.Check();
  threads.Check();
  together.Check(opts.streaming);
  precision_opts.Check();
  const std::unique_ptr<ThreadPool> pool = threads.OpPool();
  Context ctx = device.MakeContext();
  ctx.SetPool(pool.get(), threads.op_threads);

  ModelInfo info;
  const std::unique_ptr<AsrModel> model =
      ReadModelForInference(ctx, po.Arg(0), precision_opts, &info, &precision, ModelPart::kEncoder);
  opts.CheckModel(model->Config().encoder);
  UtteranceTags tags(tags_rspecifier, info.config, info.tags);
  model->SetPolicy(experts.Apply(model->Config(), model->Policy()));
  const double frame_shift = FrameShiftSeconds(info);
  LOG_INFO << opts.ToString() << "; " << threads.ToString() << ", " << precision << ", experts "
           << model->Policy().ToString() << ", " << DescribeMachine(ctx);

  UtteranceReader reader(po.Arg(1));
  LiveMatrixWriter logp_writer(po.Arg(2));
  std::optional<LiveMatrixWriter> encoder_writer;
  if (po.NumArgs() > 3) encoder_writer.emplace(po.Arg(3));
  const int64_t num_entries = CountEntries(po.Arg(1));
  if (together.batch_seconds < 0)
    together.batch_seconds = DefaultBatchSeconds(model->Config().encoder, opts, num_entries);
  Progress progress("encoding", num_entries);
  int64_t frames = 0;
  const auto live = [&] { return opts.streaming && !reader.Done() && reader.InPieces(); };
  const auto read = [&](ForwardJob *job) {
    if (reader.Done() || live()) return false;
    job->key = reader.Key();
    job->place = reader.Where();
    job->Try([&] { job->feats = reader.Value(), job->tag = tags.Of(job->key); });
    job->audio_seconds = static_cast<double>(job->feats.Rows()) * frame_shift;
    reader.Next();
    return true;
  };
  const auto work = [&](const std::function<ForwardJob *()> &next) {
    ForwardJobs(ctx, *model, opts, together, next);
  };
  const auto write = [&](ForwardJob *job) {
    logp_writer.Write(job->key, job->logp);
    if (encoder_writer) encoder_writer->Write(job->key, job->encoder_out);
    frames += job->logp.Rows();
  };
  while (!reader.Done()) {
    ForEachGroup<ForwardJob>(threads, together, &speed, &tally, &progress, read, work, write);
    for (; live(); reader.Next()) {
      tally.Try(reader, [&] {
        frames += ForwardLive(ctx, *model, opts, frame_shift, tags.Of(reader.Key()), &reader,
                              &logp_writer, encoder_writer ? &*encoder_writer : nullptr, &speed);
      });
      progress.Add(1);
    }
  }
  reader.Close();
  logp_writer.Close();
  if (encoder_writer) encoder_writer->Close();
  LOG_INFO << frames << " encoder frames";
  speed.Note("chunk_size", opts.chunk_size);
  speed.Note("num_left_chunks", opts.num_left_chunks);
  speed.Note("streaming", opts.streaming ? "true" : "false");
  speed.Note("streams", together.streams);
  speed.Note("batch_seconds", together.batch_seconds);
  speed.Note("threads", threads.threads);
  speed.Note("precision", precision);
  speed.Note("experts", model->Policy().ToString());
  speed.Note("machine", DescribeMachine(ctx));
  speed.Finish();
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
