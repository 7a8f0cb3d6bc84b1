#ifndef U2MOE_DECODE_CTC_GREEDY_H_
#define U2MOE_DECODE_CTC_GREEDY_H_

#include "decode/ctc-search.h"
#include "decode/frame-source.h"

namespace u2moe {

// Best path: the most probable token of every frame, repeats joined, blanks dropped (Graves et al.
// 2006, "best path decoding").
// Ties: the lower token id. Score: log-probability of that one path. Time of a token: the frame of
// its run in which it is most probable; the earliest of equal ones.
class CtcGreedySearch : public CtcSearch {
 public:
  CtcGreedySearch(int32_t blank, float blank_penalty) : frames_(blank, blank_penalty) { Begin(); }

  void Begin() override;
  void Step(ConstView logp) override;
  std::vector<CtcHypothesis> NBest(int n) const override;
  std::vector<CtcHypothesis> End(int n) override;

 private:
  CtcFrameSource frames_;
  CtcHypothesis best_;
  int64_t previous_ = -1;  // token of the frame before
  float peak_ = 0;         // its highest log-probability in this run
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_GREEDY_H_
