#include "train/loss.h"

#include <cmath>
#include <numeric>

#include "ops/ctc-loss.h"
#include "ops/elementwise.h"
#include "ops/label-smoothing-loss.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

// One direction's smoothed cross-entropy, summed over the batch. weight: of its gradient.
double DecoderLoss(const Context &ctx, const Decoder &decoder, const TrainBatch &batch,
                   const ModelConfig &config, bool reverse, float weight, const LossOptions &opts,
                   ConstView encoder_out, const RaggedShape &encoder_shape, Decoder *grad,
                   View dencoder_out, int64_t *num_correct) {
  std::vector<int> memory(batch.labels.size());
  std::iota(memory.begin(), memory.end(), 0);
  const DecoderInput input = MakeDecoderInput(batch.labels, memory, config.sos, reverse);
  std::vector<int32_t> targets;
  for (int b = 0; b < input.shape.NumSequences(); ++b) {
    const auto begin = input.tokens.begin() + input.shape.Begin(b),
               end = input.tokens.begin() + input.shape.End(b);
    targets.insert(targets.end(), begin + 1, end);
    targets.push_back(config.eos);
  }
  Tensor logits;
  Decoder::Tape tape;
  decoder.Forward(ctx, input, encoder_out, encoder_shape, opts.dropout, opts.routes, &logits,
                  grad ? &tape : nullptr);
  Tensor dlogits;
  if (grad) dlogits = Tensor(ctx, logits.Rows(), logits.Cols());
  const double loss =
      LabelSmoothingLoss(ctx, logits, ListOnDevice<int32_t>(ctx, targets), config.label_smoothing,
                         weight, grad ? dlogits.View() : View(), num_correct);
  if (grad)
    decoder.Backward(ctx, input, encoder_out, encoder_shape, tape, dlogits, grad, dencoder_out);
  return loss;
}

}  // namespace

int64_t TrainBatch::NumTokens() const {
  int64_t n = 0;
  for (const auto &l : labels) n += static_cast<int64_t>(l.size()) + 1;
  return n;
}

LossTerms ComputeLoss(const Context &ctx, const AsrModel &model, const TrainBatch &batch,
                      const LossOptions &opts, AsrModel *grad, AsrModel *running) {
  const ModelConfig &config = model.Config();
  CHECK_EQ(batch.shape.NumSequences(), batch.NumUtterances());
  ForwardMode mode;
  mode.mask = opts.mask;
  mode.dropout = opts.dropout;
  mode.routes = opts.routes;
  Encoder::Tape tape;
  Tensor encoder_out, exit_out;
  mode.exit_out = &exit_out;
  RaggedShape shape;
  model.Encoder().Forward(ctx, mode, MatrixOnDevice(ctx, batch.feats), batch.shape, &encoder_out,
                          &shape, grad ? &tape : nullptr,
                          running ? running->MutableEncoder() : nullptr);
  LossTerms terms;
  terms.num_utterances = batch.NumUtterances();
  const double num_utterances = static_cast<double>(batch.NumUtterances());
  Tensor dencoder_out, dexit;
  if (grad) dencoder_out = Tensor::Zeros(ctx, encoder_out.Rows(), encoder_out.Cols());
  const double w = config.ctc_weight;
  const double v = model.Policy().Exits() ? opts.exit_ctc_weight : 0;
  // The CTC loss of `out`; dout receives its gradient times weight.
  const auto ctc = [&](ConstView out, double weight, View dout, int64_t *num_infinite) {
    const Tensor logp = model.CtcLogProbs(ctx, out);
    Tensor dlogits;
    if (grad) dlogits = Tensor(ctx, logp.Rows(), logp.Cols());
    double sum = 0;
    for (const double loss :
         CtcLosses(ctx, logp, shape, batch.labels, config.blank,
                   static_cast<float>(weight / opts.utterance_divisor), dlogits)) {
      if (std::isinf(loss)) {
        ++*num_infinite;
      } else {
        sum += loss;
      }
    }
    if (grad) model.Ctc().Backward(ctx, out, dlogits, grad->MutableCtc(), dout);
    return sum;
  };
  double ctc_sum = 0;
  if (w > 0) {
    Tensor dctc;
    int64_t num_infinite = 0, same_utterances = 0;
    if (grad) dctc = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
    ctc_sum = ctc(encoder_out, w * (1 - v), dctc, &num_infinite);
    if (grad) AddTo(ctx, 1, dctc, dencoder_out);
    terms.Add("infinite_ctc", static_cast<double>(num_infinite), 0, num_utterances);
    if (v > 0) {
      if (grad) dexit = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
      const double exit_sum = ctc(exit_out, w * v, dexit, &same_utterances);
      terms.Add("exit_ctc", exit_sum, w * v, num_utterances);
    }
  }
  terms.Add("ctc", ctc_sum, w * (1 - v), num_utterances);
  const double divisor =
      config.length_normalized_loss ? opts.token_divisor : opts.utterance_divisor;
  const double r = model.HasRightDecoder() ? config.reverse_weight : 0;
  double left_sum = 0, right_sum = 0;
  int64_t num_correct = 0;
  if (w < 1) {
    left_sum =
        DecoderLoss(ctx, model.LeftDecoder(), batch, config, false,
                    static_cast<float>((1 - w) * (1 - r) / divisor), opts, encoder_out, shape,
                    grad ? grad->MutableLeftDecoder() : nullptr, dencoder_out, &num_correct);
    if (r > 0) {
      right_sum = DecoderLoss(ctx, model.RightDecoder(), batch, config, true,
                              static_cast<float>((1 - w) * r / divisor), opts, encoder_out, shape,
                              grad ? grad->MutableRightDecoder() : nullptr, dencoder_out, nullptr);
    }
  }
  // In units of a sum over utterances, also where attention is divided by tokens.
  const double attention_weight = (1 - w) * opts.utterance_divisor / divisor;
  terms.Add("l2r", left_sum, attention_weight * (1 - r), num_utterances);
  terms.Add("r2l", right_sum, attention_weight * r, num_utterances);
  terms.Add("accuracy", static_cast<double>(num_correct), 0,
            static_cast<double>(batch.NumTokens()));
  if (grad) {
    model.Encoder().Backward(ctx, tape, &dencoder_out, dexit.Empty() ? nullptr : &dexit,
                             grad->MutableEncoder());
  }
  return terms;
}

}  // namespace u2moe
