// Where the rows of a call to a mixture stand: in which sequence, at which position, in which
// layer.
#ifndef U2MOE_MOE_ROW_PLACES_H_
#define U2MOE_MOE_ROW_PLACES_H_

#include <cstdint>
#include <string>

#include "base/check.h"
#include "layer/route-sink.h"
#include "tensor/allocator.h"

namespace u2moe {

// Calls fn(begin, end, facts) for the rows [begin, end) of each sequence. Where no sequences are
// known, the rows are one; where nothing is known of them, the facts are default.
template <class Fn>
void ForEachSequence(const RouteCall &call, int64_t rows, Fn fn) {
  if (call.shape == nullptr) {
    fn(int64_t{0}, rows, call.sequences.empty() ? SequenceFacts() : call.sequences[0]);
    return;
  }
  const int num_sequences = call.shape->NumSequences();
  CHECK(call.shape->TotalRows() == rows &&
        (call.sequences.empty() || static_cast<int>(call.sequences.size()) == num_sequences))
      << call.sequences.size() << " sequences of " << num_sequences;
  for (int b = 0; b < num_sequences; ++b) {
    fn(call.shape->Begin(b), call.shape->End(b),
       call.sequences.empty() ? SequenceFacts() : call.sequences[static_cast<size_t>(b)]);
  }
}

// Seeds of the rows [begin, end) of a sequence, for what is random in a mixture: they follow from
// the seed, the mixture and a row's position in its sequence (in a token tree: its depth). So
// neither batch, stream nor thread makes a difference.
CachedVector<uint64_t> RowSeeds(const RouteCall &call, uint64_t seed, int64_t begin, int64_t end,
                                const SequenceFacts &facts);

// For messages: "frame 7" of its sequence, or "frame 7 of utterance 3 of the batch" from 1; and
// "encoder.encoders.2.feed_forward_macaron", "decoder.decoders.0.feed_forward" or, where the part
// of the network is not known, "mixture 5".
std::string RowName(const RouteCall &call, int64_t row);
std::string MixtureName(const RouteCall &call);

}  // namespace u2moe

#endif  // U2MOE_MOE_ROW_PLACES_H_
