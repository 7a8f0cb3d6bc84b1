#include "pipeline/live-search.h"

#include "base/stage-clock.h"

namespace u2moe {

std::vector<CtcHypothesis> SearchLive(
    UtteranceReader *reader, int nbest, CtcSearch *search,
    const std::function<void(int64_t, const CtcHypothesis &)> &partial, int64_t *frames) {
  search->Begin();
  int64_t number = 0;
  for (Tensor piece; reader->NextPiece(&piece);) {
    const StageScope stage(Stage::kSearch);
    search->Step(piece);
    *frames += piece.Rows();
    ++number;
    if (partial) partial(number, search->NBest(1)[0]);
  }
  return search->End(nbest);
}

}  // namespace u2moe
