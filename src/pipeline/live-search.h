#ifndef U2MOE_PIPELINE_LIVE_SEARCH_H_
#define U2MOE_PIPELINE_LIVE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "decode/ctc-search.h"
#include "table/utterance-reader.h"

namespace u2moe {

// Searches the recording in pieces that reader stands on, each piece when it has come. partial, if
// not empty, gets each piece's number and the best hypothesis by then. Returns what CtcDecode
// returns for the whole; *frames counts the frames. Throws DataError where a piece is missing or
// bad.
std::vector<CtcHypothesis> SearchLive(
    UtteranceReader *reader, int nbest, CtcSearch *search,
    const std::function<void(int64_t, const CtcHypothesis &)> &partial, int64_t *frames);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_LIVE_SEARCH_H_
