#include "moe/row-places.h"

#include "base/error.h"
#include "base/rng.h"

namespace u2moe {

CachedVector<uint64_t> RowSeeds(const RouteCall &call, uint64_t seed, int64_t begin, int64_t end,
                                const SequenceFacts &facts) {
  const uint64_t own = SubSeed(seed, static_cast<uint64_t>(call.mixture));
  CachedVector<uint64_t> seeds;
  seeds.reserve(static_cast<size_t>(end - begin));
  for (int64_t t = begin; t < end; ++t) {
    const int64_t position =
        call.depths.empty() ? facts.first + t - begin : call.depths[static_cast<size_t>(t)];
    seeds.push_back(SubSeed(own, static_cast<uint64_t>(position)));
  }
  return seeds;
}

std::string RowName(const RouteCall &call, int64_t row) {
  if (call.shape == nullptr) return Cat("frame ", row);
  int b = 0;
  while (b + 1 < call.shape->NumSequences() && call.shape->End(b) <= row) ++b;
  const int64_t first = call.sequences.empty() ? 0 : call.sequences[static_cast<size_t>(b)].first;
  const std::string frame = Cat("frame ", first + row - call.shape->Begin(b));
  return call.shape->NumSequences() == 1 ? frame
                                         : Cat(frame, " of utterance ", b + 1, " of the batch");
}

std::string MixtureName(const RouteCall &call) {
  const std::string part = call.part;
  if (part == "encoder") {
    return Cat("encoder.encoders.", call.mixture / 2, ".feed_forward",
               call.mixture % 2 == 0 ? "_macaron" : "");
  }
  if (part.empty()) return Cat("mixture ", call.mixture);
  return Cat(part, ".decoders.", call.mixture, ".feed_forward");
}

}  // namespace u2moe
