#ifndef U2MOE_MODEL_ASR_MODEL_H_
#define U2MOE_MODEL_ASR_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "model/decoder.h"
#include "model/encoder.h"
#include "model/model-config.h"

namespace u2moe {

// What a tool needs ready: the encoder with the CTC head, the decoders, the CTC head with the
// decoders, or all of it.
enum class ModelPart { kAll, kEncoder, kDecoders, kHeads };

// A U2++ model: encoder, CTC head, left-to-right and (optional) right-to-left decoder. Tensors are
// allocated but undefined until read (model-file.h) or initialised (InitModel). Forward is const,
// so threads share a model. A second model of the same configuration serves as the place of the
// gradients.
class AsrModel {
 public:
  explicit AsrModel(const ModelConfig &config);
  // The encoder points to the CTC head.
  AsrModel(const AsrModel &) = delete;
  AsrModel &operator=(const AsrModel &) = delete;

  const ModelConfig &Config() const { return config_; }
  const u2moe::Encoder &Encoder() const { return encoder_; }
  u2moe::Encoder *MutableEncoder() { return &encoder_; }
  const Linear &Ctc() const { return ctc_; }
  Linear *MutableCtc() { return &ctc_; }
  // The CTC head of the encoder's embedding network, which only training uses; null: there is none.
  const Linear *EmbedCtc() const { return embed_ctc_.get(); }
  Linear *MutableEmbedCtc() { return embed_ctc_.get(); }
  bool HasRightDecoder() const { return right_decoder_ != nullptr; }
  const Decoder &LeftDecoder() const { return left_decoder_; }
  const Decoder &RightDecoder() const { return *right_decoder_; }
  Decoder *MutableLeftDecoder() { return &left_decoder_; }
  Decoder *MutableRightDecoder() { return right_decoder_.get(); }

  // Fewer experts than the routers choose, in all forwards from now on. Must fit the Config().
  void SetPolicy(const ExpertPolicy &policy);
  const ExpertPolicy &Policy() const { return policy_; }

  // After a training step that was taken: how many of its rows went to each expert of each mixture,
  // in the order of RouteSink, of the first ones at least (of those that the step's losses went
  // through). What is learnt, but not from gradients, is learnt here: see FeedForward::AfterStep.
  void AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts);

  // CTC log-probabilities [R, V] of encoder output [R, D].
  Tensor CtcLogProbs(const Context &ctx, ConstView encoder_out) const;

  // Packs what is not packed yet of a part; afterwards the model only infers. format: of all linear
  // maps but the routers, whose choices stay those of float32.
  void PrepareForInference(const Context &ctx, WeightFormat format = WeightFormat::kFloat32,
                           int64_t group_size = 0, ModelPart part = ModelPart::kAll);
  void VisitParams(ParamVisitor *v);
  // One piece of the model to be visited alone, under the names and in the roles that it has in the
  // whole; nothing for a decoder that is not there.
  enum class Piece { kEncoder, kCtc, kLeftDecoder, kRightDecoder };
  static constexpr Piece kPieces[] = {Piece::kEncoder, Piece::kCtc, Piece::kLeftDecoder,
                                      Piece::kRightDecoder};
  struct Alone {
    AsrModel *model;
    Piece piece;
    void VisitParams(ParamVisitor *v) { model->VisitPiece(piece, v); }
  };
  int64_t NumParams();
  // Parameters that one frame (encoder, CTC) and one token (each decoder) use: with mixtures, the
  // router and K experts instead of all.
  int64_t NumActiveParams();

 private:
  void VisitPiece(Piece piece, ParamVisitor *v);

  ModelConfig config_;
  ExpertPolicy policy_;
  u2moe::Encoder encoder_;
  Linear ctc_;
  std::unique_ptr<Linear> embed_ctc_;
  Decoder left_decoder_;
  std::unique_ptr<Decoder> right_decoder_;
};

// All tensors zero: a fresh place for gradients.
void SetZero(AsrModel *model);

// Takes all tensors and packed weights to ctx's device: from the host, where a model that is read
// or initialised begins, before PrepareForInference with the same ctx; or back.
void MoveToDevice(const Context &ctx, AsrModel *model);

}  // namespace u2moe

#endif  // U2MOE_MODEL_ASR_MODEL_H_
