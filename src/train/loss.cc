#include "train/loss.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "model/mixture-names.h"
#include "moe/aux-loss.h"
#include "moe/read-me-target.h"
#include "ops/ctc-loss.h"
#include "ops/elementwise.h"
#include "ops/label-smoothing-loss.h"
#include "ops/soft-target-loss.h"
#include "ops/softmax.h"
#include "tensor/transfer.h"

namespace u2moe {
namespace {

enum PartNumber : uint64_t { kEncoder = 1, kLeftDecoder, kRightDecoder };

std::string LayerName(PartNumber part, int mixture) {
  return part == kEncoder ? EncoderLayerName(mixture)
                          : DecoderLayerName(part == kRightDecoder, mixture);
}

// The losses on the decisions of all routers of a batch, and what these parts of the network need
// for them.
class RouterLosses {
 public:
  // scale: of their gradients.
  RouterLosses(const LossOptions &opts, double scale) : opts_(opts), scale_(scale) {}

  // Of one part of the network: what its forward collects, and what it knows of the utterances.
  struct Part {
    PartNumber number = kEncoder;
    RoutingState routing;
    std::vector<SequenceFacts> sequences;
  };
  // Parts have random numbers of their own.
  Part NewPart(PartNumber number) const {
    Part part;
    part.number = number;
    part.routing.topology = opts_.topology;
    part.routing.rank = opts_.rank;
    part.routing.collect = opts_.aux_losses;
    for (SequenceFacts facts : opts_.sequences) {
      facts.seed = SubSeed(facts.seed, number);
      part.sequences.push_back(facts);
    }
    return part;
  }
  // Of the encoder, before Add: what the teacher of the routes says.
  void AddRouteTeacher(const Context &ctx, ConstView feats, const RaggedShape &shape, Part *part) {
    if (opts_.route_teacher == nullptr || !opts_.aux_losses) return;
    const double weight = opts_.aux_factor * opts_.route_teacher_weight;
    AuxLoss *sum = &sums_["route-teacher"];
    opts_.route_teacher->ForEachDemand(
        ctx, opts_.mask, feats, shape, [&](int mixture, ConstView demand) {
          for (RoutedLayer &layer : part->routing.layers) {
            if (layer.mixture != mixture) continue;
            const Tensor &logits = layer.routes.logits;
            if (scale_ != 0 && layer.dlogits.Empty())
              layer.dlogits = Tensor::Zeros(logits.Rows(), logits.Cols());
            const double loss = ReadMeLoss(logits, demand, weight * scale_,
                                           scale_ != 0 ? layer.dlogits.View() : View());
            sum->weighted += weight * loss;
            sum->sum += loss;
            ++sum->num_layers;
            const std::string name = LayerName(part->number, mixture);
            if (!std::isfinite(loss))
              throw DataError(name, ": the loss 'route-teacher' of its router is ", loss);
            if (opts_.by_layer) layers_["route-teacher." + name] = loss;
          }
        });
  }
  // Between forward and backward of the part.
  void Add(const Context &ctx, Part *part) {
    const double factor = opts_.aux_factor;
    for (const AuxLoss &loss : ComputeAuxLosses(ctx, factor * scale_, &part->routing)) {
      AuxLoss *sum = &sums_[loss.name];
      sum->weighted += factor * loss.weighted;
      sum->sum += loss.sum;
      sum->num_layers += loss.num_layers;
      for (const auto &[mixture, value] : loss.layers) {
        const std::string layer = LayerName(part->number, mixture);
        if (!std::isfinite(value))
          throw DataError(layer, ": the loss '", loss.name, "' of its router is ", value);
        if (opts_.by_layer) layers_[loss.name + "." + layer] = value;
      }
    }
    for (const RoutedLayer &layer : part->routing.layers) {
      const float *d = layer.dlogits.Data();
      if (std::all_of(d, d + layer.dlogits.Size(), [](float v) { return std::isfinite(v); }))
        continue;
      throw DataError(LayerName(part->number, layer.mixture),
                      ": the gradient of the losses on its router is not finite; are its weights "
                      "too large?");
    }
  }
  void AddTo(LossTerms *terms) const {
    const double n = static_cast<double>(terms->num_utterances);
    for (const auto &[name, loss] : sums_) {
      const double mean = loss.sum / loss.num_layers;
      terms->Add(name, n * mean, mean == 0 ? 0 : loss.weighted / mean, n);
    }
    for (const auto &[name, value] : layers_) terms->Add(name, n * value, 0, n);
  }

 private:
  const LossOptions &opts_;
  const double scale_;
  std::map<std::string, AuxLoss> sums_;
  std::map<std::string, double> layers_;
};

// What the teacher makes of a batch, and what becomes of it.
class TeacherLosses {
 public:
  TeacherLosses(const Context &ctx, const LossOptions &opts, ConstView feats,
                const RaggedShape &shape)
      : opts_(opts) {
    if (opts.teacher == nullptr) return;
    ForwardMode mode;
    mode.mask = opts.mask;
    NamingTeacher([&] {
      opts.teacher->Encoder().Forward(ctx, mode, feats, shape, &out_, &shape_, nullptr, nullptr);
    });
  }
  // Of the CTC head [R, V], whose log-probabilities are logp: adds to the gradient of its logits.
  // weight: of the gradient.
  void AddCtc(const Context &ctx, ConstView logp, double weight, View dlogits) {
    if (opts_.teacher == nullptr) return;
    ctc_ = Loss(ctx, logp, opts_.teacher->CtcLogProbs(ctx, out_), weight, dlogits);
  }
  void AddDecoder(const Context &ctx, const DecoderInput &input, bool reverse, ConstView logits,
                  double weight, View dlogits) {
    if (!Has(reverse)) return;
    const Decoder &decoder = reverse ? opts_.teacher->RightDecoder() : opts_.teacher->LeftDecoder();
    Tensor targets;
    NamingTeacher([&] {
      decoder.Forward(ctx, input, out_, shape_, nullptr, RouteCall(), &targets, nullptr);
    });
    (reverse ? right_ : left_) = Loss(ctx, logits, targets, weight, dlogits);
  }
  // The weights are those of the losses that these stand beside.
  void AddTo(double ctc, double left, double right, LossTerms *terms) const {
    if (opts_.teacher == nullptr) return;
    const double n = static_cast<double>(terms->num_utterances), w = opts_.teacher_weight;
    if (ctc > 0) terms->Add("teacher_ctc", ctc_, w * ctc, n);
    if (left > 0) terms->Add("teacher_l2r", left_, w * left, n);
    if (right > 0 && Has(true)) terms->Add("teacher_r2l", right_, w * right, n);
  }

 private:
  bool Has(bool reverse) const {
    return opts_.teacher != nullptr && (!reverse || opts_.teacher->HasRightDecoder());
  }
  double Loss(const Context &ctx, ConstView logits, ConstView targets, double weight,
              View dlogits) const {
    return SoftTargetLoss(ctx, logits, targets, opts_.teacher_temperature,
                          static_cast<float>(opts_.teacher_weight * weight), dlogits);
  }
  template <class Fn>
  static void NamingTeacher(Fn forward) {
    try {
      forward();
    } catch (const DataError &e) {
      throw DataError("the teacher: ", e.what());
    }
  }

  const LossOptions &opts_;
  Tensor out_;
  RaggedShape shape_;
  double ctc_ = 0, left_ = 0, right_ = 0;
};

// One direction's smoothed cross-entropy, summed over the batch. weight: of its gradient.
double DecoderLoss(const Context &ctx, const Decoder &decoder, const TrainBatch &batch,
                   const ModelConfig &config, bool reverse, float weight, const LossOptions &opts,
                   RouterLosses *routers, TeacherLosses *teacher, ConstView encoder_out,
                   const RaggedShape &encoder_shape, Decoder *grad, View dencoder_out,
                   int64_t *num_correct) {
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
  RouterLosses::Part part = routers->NewPart(reverse ? kRightDecoder : kLeftDecoder);
  RouteCall call(opts.routes);
  call.sequences = part.sequences;
  call.part = reverse ? "decoder.right_decoder" : "decoder.left_decoder";
  call.state = &part.routing;
  decoder.Forward(ctx, input, encoder_out, encoder_shape, opts.dropout, call, &logits,
                  grad ? &tape : nullptr);
  routers->Add(ctx, &part);
  Tensor dlogits;
  if (grad) dlogits = Tensor(ctx, logits.Rows(), logits.Cols());
  const double loss =
      LabelSmoothingLoss(ctx, logits, ListOnDevice<int32_t>(ctx, targets), config.label_smoothing,
                         weight, grad ? dlogits.View() : View(), num_correct);
  teacher->AddDecoder(ctx, input, reverse, logits, weight, grad ? dlogits.View() : View());
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
  const double num_utterances = static_cast<double>(batch.NumUtterances());
  RouterLosses routers(opts, grad ? num_utterances / opts.utterance_divisor : 0);
  RouterLosses::Part encoder_part = routers.NewPart(kEncoder);
  mode.sequences = encoder_part.sequences;
  mode.routing = &encoder_part.routing;
  Encoder::Tape tape;
  Tensor encoder_out, exit_out;
  mode.exit_out = &exit_out;
  RaggedShape shape;
  const MatrixOnDevice feats(ctx, batch.feats);
  model.Encoder().Forward(ctx, mode, feats, batch.shape, &encoder_out, &shape,
                          grad ? &tape : nullptr, running ? running->MutableEncoder() : nullptr);
  TeacherLosses teacher(ctx, opts, feats, batch.shape);
  routers.AddRouteTeacher(ctx, feats, batch.shape, &encoder_part);
  routers.Add(ctx, &encoder_part);
  LossTerms terms;
  terms.num_utterances = batch.NumUtterances();
  Tensor dencoder_out, dexit;
  if (grad) dencoder_out = Tensor::Zeros(ctx, encoder_out.Rows(), encoder_out.Cols());
  const double w = config.ctc_weight;
  const double v = model.Policy().Exits() ? opts.exit_ctc_weight : 0;
  // The CTC loss of what `head` makes of `out`; dout receives its gradient times weight. learns:
  // from the teacher, too.
  const auto ctc_of = [&](const Linear &head, Linear *head_grad, ConstView out, double weight,
                          bool learns, View dout, int64_t *num_infinite) {
    Tensor logp(ctx, out.Rows(), head.OutDim());
    head.Forward(ctx, out, logp);
    LogSoftmaxForward(ctx, logp, logp);
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
    if (learns)
      teacher.AddCtc(ctx, logp, w / opts.utterance_divisor, grad ? dlogits.View() : View());
    if (grad) head.Backward(ctx, out, dlogits, head_grad, dout);
    return sum;
  };
  const auto ctc = [&](ConstView out, double weight, bool learns, View dout,
                       int64_t *num_infinite) {
    return ctc_of(model.Ctc(), grad ? grad->MutableCtc() : nullptr, out, weight, learns, dout,
                  num_infinite);
  };
  double ctc_sum = 0;
  if (w > 0) {
    Tensor dctc;
    int64_t num_infinite = 0, same_utterances = 0;
    if (grad) dctc = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
    ctc_sum = ctc(encoder_out, w * (1 - v), true, dctc, &num_infinite);
    if (grad) AddTo(ctx, 1, dctc, dencoder_out);
    terms.Add("infinite_ctc", static_cast<double>(num_infinite), 0, num_utterances);
    if (v > 0) {
      if (grad) dexit = Tensor(ctx, encoder_out.Rows(), encoder_out.Cols());
      const double exit_sum = ctc(exit_out, w * v, false, dexit, &same_utterances);
      terms.Add("exit_ctc", exit_sum, w * v, num_utterances);
    }
  }
  terms.Add("ctc", ctc_sum, w * (1 - v), num_utterances);
  Tensor dembedding;
  const double gamma = opts.aux_losses && model.EmbedCtc() != nullptr ? opts.embed_ctc_weight : 0;
  if (gamma > 0) {
    const Tensor &embedding = *encoder_part.routing.embedding;
    int64_t same_utterances = 0;
    if (grad) dembedding = Tensor(ctx, embedding.Rows(), embedding.Cols());
    const double sum = ctc_of(*model.EmbedCtc(), grad ? grad->MutableEmbedCtc() : nullptr,
                              embedding, gamma, false, dembedding, &same_utterances);
    terms.Add("embed_ctc", sum, gamma, num_utterances);
  }
  const double divisor =
      config.length_normalized_loss ? opts.token_divisor : opts.utterance_divisor;
  const double r = model.HasRightDecoder() ? config.reverse_weight : 0;
  double left_sum = 0, right_sum = 0;
  int64_t num_correct = 0;
  if (w < 1) {
    left_sum = DecoderLoss(ctx, model.LeftDecoder(), batch, config, false,
                           static_cast<float>((1 - w) * (1 - r) / divisor), opts, &routers,
                           &teacher, encoder_out, shape,
                           grad ? grad->MutableLeftDecoder() : nullptr, dencoder_out, &num_correct);
    if (r > 0) {
      right_sum = DecoderLoss(ctx, model.RightDecoder(), batch, config, true,
                              static_cast<float>((1 - w) * r / divisor), opts, &routers, &teacher,
                              encoder_out, shape, grad ? grad->MutableRightDecoder() : nullptr,
                              dencoder_out, nullptr);
    }
  }
  // In units of a sum over utterances, also where attention is divided by tokens.
  const double attention_weight = (1 - w) * opts.utterance_divisor / divisor;
  terms.Add("l2r", left_sum, attention_weight * (1 - r), num_utterances);
  terms.Add("r2l", right_sum, attention_weight * r, num_utterances);
  terms.Add("accuracy", static_cast<double>(num_correct), 0,
            static_cast<double>(batch.NumTokens()));
  teacher.AddTo(w, attention_weight * (1 - r), attention_weight * r, &terms);
  routers.AddTo(&terms);
  if (grad) {
    model.Encoder().Backward(ctx, tape, &dencoder_out, dexit.Empty() ? nullptr : &dexit,
                             grad->MutableEncoder(), dembedding.Empty() ? nullptr : &dembedding);
  }
  return terms;
}

}  // namespace u2moe
