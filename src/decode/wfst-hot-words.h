#ifndef U2MOE_DECODE_WFST_HOT_WORDS_H_
#define U2MOE_DECODE_WFST_HOT_WORDS_H_

#include <cstdint>
#include <vector>

#include "decode/context-graph.h"
#include "decode/wfst-graph.h"

namespace u2moe {

// For each phrase whether some path of the graph has its tokens one after another: a phrase that no
// word of the lexicon is made of has not, so that being paid for it changes nothing.
std::vector<bool> ReadablePhrases(const WfstGraph &graph, const std::vector<ContextPhrase> &phrases,
                                  int32_t blank_label);

}  // namespace u2moe

#endif  // U2MOE_DECODE_WFST_HOT_WORDS_H_
