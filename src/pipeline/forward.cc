#include "pipeline/forward.h"

#include <utility>
#include <vector>

#include "pipeline/encode.h"
#include "pipeline/live-session.h"

namespace u2moe {

void RegisterTogether(OptionParser *po, Together *together) {
  together->batch_seconds = -1;
  po->Register(
      "streams", &together->streams,
      "with --streaming: utterances that each thread advances together, chunk by chunk; the "
      "weights are read once for all of them, the results do not depend on it");
  po->Register(
      "batch-seconds", &together->batch_seconds,
      "whole utterances that each thread computes together, in seconds of audio; the weights, of "
      "all experts above all, are read once for all of them, the results do not depend on it; 0: "
      "one by one; -1: 30 for the whole utterances of a script through a mixture, else 0");
}

double DefaultBatchSeconds(const EncoderConfig &config, const EncodeOptions &opts,
                           int64_t num_utterances) {
  return !opts.streaming && num_utterances > 0 && config.NumMixtures() > 0 ? 30 : 0;
}

void ForwardJobs(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
                 const Together &together, const std::function<ForwardJob *()> &next) {
  const bool in_batch = together.batch_seconds > 0;
  size_t at_once = static_cast<size_t>(together.streams);
  const auto take = [&](Utterance *utterance) {
    ForwardJob *job = next();
    if (job == nullptr) return false;
    utterance->feats = job->feats;
    utterance->tag = job->tag;
    const Timer timer;
    utterance->done = [&, timer, job](Tensor out, std::exception_ptr error) {
      job->error = error;
      job->Try([&] {
        job->encoder_out = std::move(out);
        job->logp = CtcLogProbs(ctx, model, job->encoder_out);
        CheckComputed("CTC output", job->logp, job->feats);
      });
      if (at_once == 1) job->seconds = timer.Elapsed();
    };
    return true;
  };
  if (!in_batch) {
    EncodeUtterances(ctx, model.Encoder(), opts, together.streams, take);
    return;
  }
  std::vector<Utterance> batch;
  for (Utterance utterance; take(&utterance);) batch.push_back(std::move(utterance));
  at_once = batch.size();
  EncodeBatch(ctx, model.Encoder(), opts, batch);
}

int64_t ForwardLive(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
                    double frame_shift, int32_t tag, UtteranceReader *reader,
                    LiveMatrixWriter *logp, LiveMatrixWriter *encoder_out, SpeedReport *speed) {
  LiveEncoder encoder(ctx, model, opts, tag);
  double audio_seconds = 0, seconds = 0;
  const auto add = [&](int64_t frames, const std::function<LiveOutput()> &compute) {
    LiveOutput out;
    const double piece_seconds = static_cast<double>(frames) * frame_shift;
    {
      SpeedReport::Scope scope(speed, piece_seconds);
      const StageScope stage(Stage::kOther);
      const Timer timer;
      out = compute();
      seconds += timer.Elapsed();
    }
    audio_seconds += piece_seconds;
    logp->Add(std::move(out.logp));
    if (encoder_out != nullptr) encoder_out->Add(std::move(out.encoder_out));
  };
  logp->Begin(reader->Key());
  if (encoder_out != nullptr) encoder_out->Begin(reader->Key());
  try {
    for (Tensor piece; reader->NextPiece(&piece);)
      add(piece.Rows(), [&] { return encoder.Accept(piece); });
    add(0, [&] { return encoder.Flush(); });
  } catch (const DataError &) {
    logp->Abort();
    if (encoder_out != nullptr) encoder_out->Abort();
    throw;
  }
  logp->End();
  if (encoder_out != nullptr) encoder_out->End();
  speed->AddUtterance(audio_seconds, seconds);
  return encoder.NumFrames();
}

}  // namespace u2moe
