#ifndef U2MOE_TRAIN_LOSS_H_
#define U2MOE_TRAIN_LOSS_H_

#include <cstdint>
#include <vector>

#include "model/asr-model.h"
#include "moe/topology.h"
#include "train/loss-terms.h"
#include "train/route-teacher.h"

namespace u2moe {

// Utterances as one ragged matrix, with their labels (token ids without sos, eos and blank).
struct TrainBatch {
  Tensor feats;  // [sum T, F], in the host's memory
  RaggedShape shape;
  std::vector<std::vector<int32_t>> labels;

  int64_t NumUtterances() const { return static_cast<int64_t>(labels.size()); }
  int64_t NumTokens() const;  // labels + eos
};

struct LossOptions {
  AttentionMask mask;               // chunk mask of the encoder
  DropoutSeeds *dropout = nullptr;  // null: no dropout
  RouteSink *routes = nullptr;      // hears all mixtures, of encoder, left and right decoder
  Span<SequenceFacts> sequences;    // of each utterance, for routers; empty: nothing is known
  bool aux_losses = true;           // whether losses on the routers' decisions count
  double aux_factor = 1;            // of the weights of these
  bool by_layer = false;            // whether these are terms layer by layer, too
  // For the topology loss: the network, and where on it this batch is; null: all is equally near.
  const Topology *topology = nullptr;
  int rank = 0;
  // A model of the same features, frame rate and units, for inference, that this one learns from,
  // what that counts, and at which temperature; null: none.
  const AsrModel *teacher = nullptr;
  double teacher_weight = 1, teacher_temperature = 1;
  // A dense model that tells the encoder's routers which expert has the neurons that it uses, and
  // what that counts; null: none. It counts where aux_losses do, times aux_factor.
  const RouteTeacher *route_teacher = nullptr;
  double route_teacher_weight = 1;
  // Where the model's policy lets frames exit, the share of the CTC loss that is of the CTC head at
  // that place (arXiv 2102.03216).
  double exit_ctc_weight = 0.3;
  // Of models with an embedding network: weight of its CTC loss in the total (gamma of arXiv
  // 2105.03036). It counts where aux_losses do.
  double embed_ctc_weight = 0.01;
  // Gradients are of the summed loss divided by these; a shard of a batch passes the whole batch's.
  double utterance_divisor = 1, token_divisor = 1;
};

// The U2++ objective (WeNet asr_model.py): w * CTC + (1 - w) * ((1 - r) * L2R + r * R2L), with
// label smoothing in the attention losses. CTC is divided by utterances; the attention losses too,
// or by tokens with length_normalized_loss. Where the model's policy lets frames exit, CTC is
// (1 - v) * CTC + v * CTC at the exit, v = exit_ctc_weight. *grad, if not null, is added to;
// running, if not null, receives moved batch-norm statistics. Throws DataError for utterances too
// short for one frame, and, naming the layer, where a router or a loss on it is not finite.
//
// The terms, as log.jsonl names them: "ctc", "l2r", "r2l" and, where frames may exit, "exit_ctc",
// and where there is an embedding network, "embed_ctc", each a sum over utterances; "accuracy", the
// L2R decoder's best tokens that are right, eos included, per token; "infinite_ctc", utterances
// whose labels do not fit their frames (their CTC loss counts 0). And by the names of
// moe/aux-loss.h, where the model has weights for them, the losses on the routers' decisions: means
// over the mixtures with such a weight, which add to the total with it, once per utterance; with
// by_layer also watched as "<name>.<layer>", by the names of model/mixture-names.h. With a teacher:
// "teacher_ctc", "teacher_l2r" and "teacher_r2l", sums over utterances of SoftTargetLoss
// (ops/soft-target-loss.h) against its CTC posteriors and its decoders' outputs, with the weights
// of the losses that they stand beside times teacher_weight. With a teacher of the routes:
// "route-teacher", ReadMeLoss as the losses on the routers' decisions, summed over its mixtures
// with route_teacher_weight. Losses on routers and batch norm are
// not linear in utterances: they are of this batch. A trainer that cuts a batch into shards trains
// on the losses of the shards.
LossTerms ComputeLoss(const Context &ctx, const AsrModel &model, const TrainBatch &batch,
                      const LossOptions &opts, AsrModel *grad, AsrModel *running);

}  // namespace u2moe

#endif  // U2MOE_TRAIN_LOSS_H_
