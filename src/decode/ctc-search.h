// Searches over CTC log-posteriors. Every search is begin / step / end with one step loop, so a
// live stream and a whole utterance run the same code:
//
//   std::unique_ptr<CtcSearch> search = MakeCtcSearch(opts);
//   search->Begin();
//   while (more) { search->Step(chunk); show(search->NBest(1)); }
//   std::vector<CtcHypothesis> nbest = search->End(opts.nbest);
#ifndef U2MOE_DECODE_CTC_SEARCH_H_
#define U2MOE_DECODE_CTC_SEARCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tensor/view.h"
#include "util/options.h"

namespace u2moe {

struct CtcSearchOptions {
  std::string method = "prefix-beam";
  int32_t beam = 10;
  int32_t nbest = 1;
  int32_t blank = 0;
  float blank_penalty = 0;

  void Register(OptionParser *po);
  void Check() const;  // throws UsageError; an unknown method lists the known ones
  std::string ToString() const;
};

struct CtcHypothesis {
  std::vector<int32_t> tokens;
  std::vector<int32_t> times;  // one frame per token, counted from Begin(), not decreasing
  double score = 0;            // natural logarithm of a probability; see the search
};

// A search with state. Not for several threads at once; make one per thread.
class CtcSearch {
 public:
  virtual ~CtcSearch() = default;

  // Forgets everything: the next Step starts an utterance at frame 0.
  virtual void Begin() = 0;

  // Takes the next log-posteriors [frames, V], natural logarithms, rows summing to 1 as
  // probabilities; 0 frames are allowed. V must stay the same until Begin(). Throws DataError,
  // naming frame and column, for NaN, for a value above 0 (logits given instead of
  // log-probabilities), for a frame without any probability and for a blank outside the columns;
  // Begin() makes it usable again.
  virtual void Step(ConstView logp) = 0;

  // The best hypotheses so far, at most n, best first. There is always at least one; before the
  // first frame it is the empty one with score 0.
  virtual std::vector<CtcHypothesis> NBest(int n) const = 0;

  // Ends the utterance: as NBest(n). Only Begin() may follow.
  virtual std::vector<CtcHypothesis> End(int n) = 0;
};

// The search that opts.method names, after Begin(). Throws UsageError as opts.Check().
std::unique_ptr<CtcSearch> MakeCtcSearch(const CtcSearchOptions &opts);

// Whole utterances: Begin, one Step over all frames, End.
std::vector<CtcHypothesis> CtcDecode(ConstView logp, int nbest, CtcSearch *search);

// "greedy, prefix-beam", for messages.
std::string CtcSearchMethods();

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_SEARCH_H_
