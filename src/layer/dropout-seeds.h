#ifndef U2MOE_LAYER_DROPOUT_SEEDS_H_
#define U2MOE_LAYER_DROPOUT_SEEDS_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "ops/dropout.h"
#include "tensor/ragged.h"
#include "tensor/transfer.h"

namespace u2moe {

// Numbers of the rows of a batch in the hash of dropout: of utterance and place in it.
using DropoutRows = std::shared_ptr<const std::vector<uint64_t>>;

// The seeds of the dropout masks of one training forward, drawn in the order of the layers. A
// forward without dropout (inference, dev loss) passes no DropoutSeeds.
class DropoutSeeds {
 public:
  // Rows count from the first of the forward.
  explicit DropoutSeeds(uint64_t seed) : seed_(seed), shared_seed_(seed) {}
  // A mask is that of the utterance and the place in it, whatever lies beside it: sequence b has
  // the seed sequence_seeds[b], different in each utterance and epoch. shared_seed: of what the
  // utterances of a batch share (the position rows).
  DropoutSeeds(uint64_t shared_seed, std::vector<uint64_t> sequence_seeds)
      : shared_seed_(shared_seed), sequence_seeds_(std::move(sequence_seeds)) {}

  // The sequences of the forwards that follow, one for each seed: encoder and decoders say it.
  void SetShape(const RaggedShape &shape) {
    if (sequence_seeds_.empty()) return;
    CHECK_EQ(static_cast<size_t>(shape.NumSequences()), sequence_seeds_.size());
    auto rows = std::make_shared<std::vector<uint64_t>>();
    rows->reserve(static_cast<size_t>(shape.TotalRows()));
    for (int b = 0; b < shape.NumSequences(); ++b) {
      for (int64_t t = 0; t < shape.Length(b); ++t)
        rows->push_back(SubSeed(sequence_seeds_[static_cast<size_t>(b)], static_cast<uint64_t>(t)));
    }
    rows_ = std::move(rows);
  }
  uint64_t Next() { return SubSeed(seed_, counter_++); }
  uint64_t NextShared() { return SubSeed(shared_seed_, counter_++); }
  const DropoutRows &Rows() const { return rows_; }  // null: rows count from the first

 private:
  uint64_t seed_ = 0, shared_seed_ = 0, counter_ = 0;
  std::vector<uint64_t> sequence_seeds_;
  DropoutRows rows_;
};

// One use of dropout: what backward has to repeat. rate 0 is no dropout.
struct DropoutMask {
  uint64_t seed = 0;
  float rate = 0;
  DropoutRows rows = nullptr;

  static DropoutMask Draw(DropoutSeeds *seeds, float rate) {
    return seeds == nullptr || rate == 0 ? DropoutMask()
                                         : DropoutMask{seeds->Next(), rate, seeds->Rows()};
  }
  // Of rows that are no sequence's own.
  static DropoutMask DrawShared(DropoutSeeds *seeds, float rate) {
    return seeds == nullptr || rate == 0 ? DropoutMask() : DropoutMask{seeds->NextShared(), rate};
  }
  // A mask of its own for `count` rows copied from rows from[0], from[1], ... of this one's;
  // number: which of the copies. Where rows count from the first, so do these.
  DropoutMask OfRows(uint64_t number, const int32_t *from, int64_t count) const {
    DropoutMask mask{SubSeed(seed, number), rate};
    if (rows == nullptr || rate == 0) return mask;
    auto own = std::make_shared<std::vector<uint64_t>>();
    own->reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) own->push_back((*rows)[static_cast<size_t>(from[i])]);
    mask.rows = std::move(own);
    return mask;
  }
  // In place, on activations in forward and on their gradient in backward.
  void Apply(const Context &ctx, View x) const {
    if (rate == 0) return;
    const Span<uint64_t> own = rows ? Span<uint64_t>(*rows) : Span<uint64_t>();
    Dropout(ctx, seed, ListOnDevice<uint64_t>(ctx, own), rate, x, x);
  }
};

}  // namespace u2moe

#endif  // U2MOE_LAYER_DROPOUT_SEEDS_H_
