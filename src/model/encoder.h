#ifndef U2MOE_MODEL_ENCODER_H_
#define U2MOE_MODEL_ENCODER_H_

#include <memory>
#include <string>
#include <vector>

#include "layer/subsampling.h"
#include "model/conformer-block.h"
#include "model/embedding-network.h"
#include "model/expert-options.h"
#include "model/model-config.h"
#include "model/route-network.h"

namespace u2moe {

// The Conformer encoder with global CMVN inside (WeNet encoder.py, ConformerEncoder).
class Encoder {
 public:
  struct Tape {
    Subsampling::Tape subsampling;
    RaggedShape shape;  // after subsampling
    PositionRows positions;
    DropoutMask input_mask;
    EmbeddingNetwork::Tape embedding;
    RouteNetwork::Tape route_network;
    std::vector<ConformerBlock::Tape> blocks;
    Tensor after_x, after_stats;
    Tensor exit_x, exit_stats;              // as these, where the policy lets frames exit
    const RoutingState *routing = nullptr;  // ForwardMode::routing
  };

  explicit Encoder(const EncoderConfig &config);

  int64_t FeatureDim() const { return config_.feature_dim; }
  // Throws DataError if these features [T, F] have another F.
  void CheckFeatureDim(ConstView feats) const;
  int64_t OutLength(int64_t num_frames) const { return embed_.OutLength(num_frames); }
  int64_t SubsamplingRate() const { return embed_.Rate(); }
  // Input frames of a streaming window that yields `chunk` output frames; windows start
  // chunk * SubsamplingRate() frames apart.
  int64_t WindowLength(int64_t chunk) const {
    return (chunk - 1) * embed_.Rate() + embed_.RightContext() + 1;
  }

  // feats [sum T, F] before CMVN, in the memory of ctx -> out [sum OutLength(T), D]. With
  // mode.streams, each sequence is one window of its stream. Throws DataError if a sequence is too
  // short for one output frame; the streams are then as before, as after any other error. tape:
  // null at inference; running: receives moved batch-norm statistics in training, may be null.
  void Forward(const Context &ctx, const ForwardMode &mode, ConstView feats,
               const RaggedShape &shape, Tensor *out, RaggedShape *out_shape, Tape *tape,
               Encoder *running) const;
  // dout: gradient of out, used up; dexit: that of *mode.exit_out, used up too, or null for none.
  // Adds to grad. Which frames exit is not differentiated. dembedding: gradient of what the
  // embedding network made (RoutingState::embedding) but for what routers make of it, used up;
  // null: none.
  void Backward(const Context &ctx, const Tape &tape, Tensor *dout, Tensor *dexit, Encoder *grad,
                Tensor *dembedding = nullptr) const;

  // Packs weights for inference once; a model being trained must not (its weights move).
  void PrepareForInference(const Context &ctx);
  // In what the weights of the subsampling will be packed; a model file stores them as floats.
  void SetSubsamplingFormat(WeightFormat format, int64_t group_size) {
    subsampling_format_ = format;
    subsampling_group_size_ = group_size;
  }
  WeightFormat SubsamplingFormat() const { return subsampling_format_; }
  int64_t SubsamplingGroupSize() const { return subsampling_group_size_; }
  // For all forwards from now on. ctc_head, whose class `blank` is the blank, must outlive the
  // encoder; it is used where the policy lets frames exit.
  void SetPolicy(const ExpertPolicy &policy, const Linear *ctc_head, int32_t blank);
  // Hands counts[*next], ... to FeedForward::AfterStep of the mixtures, in the order of RouteSink,
  // as far as there are counts; moves *next on.
  void AfterStep(const Context &ctx, const std::vector<std::vector<int64_t>> &counts, size_t *next);
  // Throws DataError for a model that cannot stream, with the reason.
  StreamState NewStream() const;
  bool HasEmbedding() const { return embedding_ != nullptr; }
  void VisitParams(ParamVisitor *v);

 private:
  PositionRows Positions(const Context &ctx, const ForwardMode &mode, const RaggedShape &shape,
                         bool as_rows) const;

  // The rows behind each chunk of each sequence.
  static CachedVector<int64_t> ChunkEnds(const ForwardMode &mode, const RaggedShape &shape);
  // What the routers may know of each sequence.
  static CachedVector<SequenceFacts> Sequences(const ForwardMode &mode);
  // For each row of a block's output after the final norm, whether it is surely blank.
  CachedVector<bool> FindBlanks(const Context &ctx, ConstView normed) const;

  EncoderConfig config_;
  std::string whole_only_;  // why it is; see WhyWholeOnly
  ExpertPolicy policy_;
  const Linear *ctc_head_ = nullptr;
  int32_t blank_ = 0;
  Tensor cmvn_mean_, cmvn_istd_;
  Subsampling embed_;
  WeightFormat subsampling_format_ = WeightFormat::kFloat32;
  int64_t subsampling_group_size_ = 0;
  std::shared_ptr<const Subsampling::Packed> packed_;
  MixtureShared shared_;
  std::unique_ptr<EmbeddingNetwork> embedding_;  // null: no router wants one
  std::unique_ptr<RouteNetwork> route_network_;  // null: routers decide for themselves
  std::vector<ConformerBlock> blocks_;
  LayerNorm after_norm_;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_ENCODER_H_
