#include "pipeline/live-search.h"

#include "base/stage-clock.h"

namespace u2moe {

std::vector<CtcHypothesis> SearchLive(UtteranceReader *reader, int nbest, CtcSearch *search,
                                      Int32VectorWriter *partial, int64_t *frames) {
  search->Begin();
  int64_t number = 0;
  for (Tensor piece; reader->NextPiece(&piece);) {
    const StageScope stage(Stage::kSearch);
    search->Step(piece);
    *frames += piece.Rows();
    ++number;
    if (partial != nullptr)
      partial->Write(LivePiece{reader->Key(), number}.Key(), search->NBest(1)[0].tokens);
  }
  return search->End(nbest);
}

}  // namespace u2moe
