#ifndef U2MOE_PIPELINE_LIVE_SEARCH_H_
#define U2MOE_PIPELINE_LIVE_SEARCH_H_

#include <cstdint>
#include <vector>

#include "decode/ctc-search.h"
#include "table/text-tables.h"
#include "table/utterance-reader.h"

namespace u2moe {

// Searches the recording in pieces that reader stands on, each piece when it has come. partial, if
// not null, gets the best tokens by then under the key of the piece. Returns what CtcDecode returns
// for the whole; its frames are added to *frames. Throws DataError where a piece is missing or bad.
std::vector<CtcHypothesis> SearchLive(UtteranceReader *reader, int nbest, CtcSearch *search,
                                      Int32VectorWriter *partial, int64_t *frames);

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_LIVE_SEARCH_H_
