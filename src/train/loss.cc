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
                   const ModelConfig &config, bool reverse, float weight, DropoutSeeds *dropout,
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
  decoder.Forward(ctx, input, encoder_out, encoder_shape, dropout, nullptr, &logits,
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

void LossSums::Add(const LossSums &o) {
  loss += o.loss;
  ctc += o.ctc;
  exit_ctc += o.exit_ctc;
  l2r += o.l2r;
  r2l += o.r2l;
  num_utterances += o.num_utterances;
  num_tokens += o.num_tokens;
  num_correct += o.num_correct;
  num_infinite_ctc += o.num_infinite_ctc;
}

LossSums ComputeLoss(const Context &ctx, const AsrModel &model, const TrainBatch &batch,
                     const LossOptions &opts, AsrModel *grad, AsrModel *running) {
  const ModelConfig &config = model.Config();
  CHECK_EQ(batch.shape.NumSequences(), batch.NumUtterances());
  ForwardMode mode;
  mode.mask = opts.mask;
  mode.dropout = opts.dropout;
  Encoder::Tape tape;
  Tensor encoder_out, exit_out;
  mode.exit_out = &exit_out;
  RaggedShape shape;
  model.Encoder().Forward(ctx, mode, MatrixOnDevice(ctx, batch.feats), batch.shape, &encoder_out,
                          &shape, grad ? &tape : nullptr,
                          running ? running->MutableEncoder() : nullptr);
  LossSums sums;
  sums.num_utterances = batch.NumUtterances();
  sums.num_tokens = batch.NumTokens();
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
  if (w > 0) {
    Tensor dctc;
    if (grad) dctc = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
    sums.ctc = ctc(encoder_out, w * (1 - v), dctc, &sums.num_infinite_ctc);
    if (grad) AddTo(ctx, 1, dctc, dencoder_out);
    int64_t same_utterances = 0;
    if (v > 0) {
      if (grad) dexit = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
      sums.exit_ctc = ctc(exit_out, w * v, dexit, &same_utterances);
    }
  }
  const double divisor =
      config.length_normalized_loss ? opts.token_divisor : opts.utterance_divisor;
  const double r = model.HasRightDecoder() ? config.reverse_weight : 0;
  double attention = 0;
  if (w < 1) {
    sums.l2r = DecoderLoss(ctx, model.LeftDecoder(), batch, config, false,
                           static_cast<float>((1 - w) * (1 - r) / divisor), opts.dropout,
                           encoder_out, shape, grad ? grad->MutableLeftDecoder() : nullptr,
                           dencoder_out, &sums.num_correct);
    attention = sums.l2r;
    if (r > 0) {
      sums.r2l =
          DecoderLoss(ctx, model.RightDecoder(), batch, config, true,
                      static_cast<float>((1 - w) * r / divisor), opts.dropout, encoder_out, shape,
                      grad ? grad->MutableRightDecoder() : nullptr, dencoder_out, nullptr);
      attention = (1 - r) * sums.l2r + r * sums.r2l;
    }
  }
  // In units of a sum over utterances, also where attention is divided by tokens.
  sums.loss = w * ((1 - v) * sums.ctc + v * sums.exit_ctc) +
              (1 - w) * attention * opts.utterance_divisor / divisor;
  if (grad) {
    model.Encoder().Backward(ctx, tape, &dencoder_out, dexit.Empty() ? nullptr : &dexit,
                             grad->MutableEncoder());
  }
  return sums;
}

}  // namespace u2moe
