// Feed-forward layers that differ from the others of their encoder or decoder, as people write
// them: "0-2:num-experts=0;5.macaron:num-experts=4,router=switch".
#ifndef U2MOE_MODEL_LAYER_LIST_H_
#define U2MOE_MODEL_LAYER_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "moe/feed-forward-factory.h"

namespace u2moe {

// Whose layers a list is of: two for each block of an encoder (macaron, last), one for each of a
// decoder.
struct LayerPlaces {
  int32_t num_blocks = 0;
  bool encoder = true;

  int32_t PerBlock() const { return encoder ? 2 : 1; }
};

// For the help of an option.
extern const char kLayersHelp[];

// All layers in the order of the network: `ffn`, with what the list says of a layer in place of it;
// where two entries speak of one field of a layer, the later. Empty if no layer differs. An entry
// is blocks, settings: "all" or numbers from 0 and ranges, with commas; then ".macaron" or ".last"
// for one of the two layers of an encoder block; then ":" and name=value, with commas, of any field
// of FeedForwardConfig (model/config-fields.h). Entries are parted by ";". Throws UsageError that
// begins with option, such as "layers", and names the entry and what is wrong with it.
std::vector<FeedForwardConfig> ParseLayers(const std::string &option, const std::string &text,
                                           const FeedForwardConfig &ffn, const LayerPlaces &places);

// The list that ParseLayers turns into these layers; "" for none.
std::string LayersToString(const std::vector<FeedForwardConfig> &layers,
                           const FeedForwardConfig &ffn, const LayerPlaces &places);

}  // namespace u2moe

#endif  // U2MOE_MODEL_LAYER_LIST_H_
