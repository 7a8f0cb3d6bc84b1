// What nnet-forward computes: from features to encoder output and CTC log-probabilities.
#ifndef U2MOE_PIPELINE_FORWARD_H_
#define U2MOE_PIPELINE_FORWARD_H_

#include <functional>

#include "model/asr-model.h"
#include "pipeline/encode-options.h"
#include "table/live-writer.h"
#include "table/utterance-loop.h"
#include "table/utterance-reader.h"

namespace u2moe {

struct ForwardJob : UtteranceJob {
  int32_t tag = -1;          // SequenceFacts::tag
  Tensor feats;              // [T, F] before CMVN
  Tensor encoder_out, logp;  // [R, D], [R, V]
};

// --streams and --batch-seconds of nnet-forward; negative seconds become DefaultBatchSeconds.
void RegisterTogether(OptionParser *po, Together *together);

// Seconds of audio per batch where nobody has said how many: 30 for whole utterances of a known
// number (of a script) through a mixture, which then reads its experts once for all; 0 for a dense
// model, which gains nothing, and for a stream of utterances, whose results somebody may wait for.
// At the paper's scale more than 30 gain no more (docs/performance.md).
double DefaultBatchSeconds(const EncoderConfig &config, const EncodeOptions &opts,
                           int64_t num_utterances);

// Computes all jobs that next() gives, the results of each or its error; with
// together.batch_seconds in one ragged batch, else one after another or, with opts.streaming,
// together.streams at a time. The results are those of each alone.
void ForwardJobs(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
                 const Together &together, const std::function<ForwardJob *()> &next);

// The recording in pieces that reader stands on: each piece is encoded when it has come and what it
// gives is written before the next one is waited for; encoder_out may be null. The rows are those
// of ForwardJobs on the whole. Returns how many there are. Throws DataError where a piece is
// missing or bad; what was written so far is then marked as no whole.
int64_t ForwardLive(const Context &ctx, const AsrModel &model, const EncodeOptions &opts,
                    double frame_shift, int32_t tag, UtteranceReader *reader,
                    LiveMatrixWriter *logp, LiveMatrixWriter *encoder_out, SpeedReport *speed);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_FORWARD_H_
