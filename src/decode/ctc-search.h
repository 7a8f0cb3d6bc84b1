// Searches over CTC log-posteriors. Every search is begin / step / end with one step loop, so a
// live stream and a whole utterance run the same code:
//
//   const std::unique_ptr<const SearchResource> resource = MakeSearchResource(opts);
//   const std::unique_ptr<CtcSearch> search = resource->NewSearch();  // in each thread
//   while (more) { search->Step(chunk); show(search->NBest(1)); }
//   std::vector<CtcHypothesis> nbest = search->End(opts.nbest);
#ifndef U2MOE_DECODE_CTC_SEARCH_H_
#define U2MOE_DECODE_CTC_SEARCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decode/allowed-words.h"
#include "decode/hot-words.h"
#include "decode/lm-fusion.h"
#include "tensor/view.h"
#include "util/options.h"
#include "util/unit-table.h"

namespace u2moe {

struct PrefixBeamOptions {
  int32_t beam = 10;

  void Register(OptionParser *po);
  void Check(int32_t nbest) const;
  std::string ToString() const;
};

// Costs are in natural-log units. Names and defaults are those of WeNet's runtime.
struct WfstOptions {
  std::string graph;
  std::string topology;  // of a graph that has none: composed with it while searching
  float beam = 16, lattice_beam = 10;
  int32_t max_active = 7000, min_active = 200;
  float acoustic_scale = 1;
  float blank_skip_thresh = 1, blank_scale = 1;
  float length_penalty = 0;
  bool lattice = false;  // no option: whether a search keeps what its RawLattice needs
  std::string words;     // no option: the graph's words.txt, which allowed words need

  void Register(OptionParser *po);
  void Check() const;
  std::string ToString() const;
};

// What all methods have, and what each has of its own. Those of the methods that are not chosen are
// not looked at.
struct CtcSearchOptions {
  std::string method = "prefix-beam";
  int32_t nbest = 1;
  int32_t blank = 0;
  float blank_penalty = 0;
  PrefixBeamOptions prefix_beam;
  WfstOptions wfst;
  // For all methods. Greedy search follows one path and could not take back what it was led to, so
  // with any of these it is a prefix beam search for one hypothesis.
  HotWordsOptions hot_words;
  LmFusionOptions lm;
  AllowedWordsOptions allowed_words;

  bool HasExtras() const {
    return !hot_words.file.empty() || !lm.file.empty() || !allowed_words.file.empty();
  }
  // Whether a search has to know what the tokens stand for.
  bool NeedsUnits() const {
    return !hot_words.file.empty() || !lm.file.empty() ||
           (!allowed_words.file.empty() && method != "wfst");
  }
  void Register(OptionParser *po);
  void Check() const;  // throws UsageError; an unknown method lists the known ones
  std::string ToString() const;
};

struct CtcHypothesis {
  std::vector<int32_t> tokens;
  std::vector<int32_t> times;  // one frame per token, counted from Begin(), not decreasing
  std::vector<int32_t> words;  // output labels of the graph, where the method has one
  // Natural logarithms of probabilities; see the search. The language model's part holds its weight
  // and the length bonus; that of hot words is their bonus. Without them these are 0.
  double acoustic_score = 0, language_score = 0, bias_score = 0;

  double Score() const { return acoustic_score + (language_score + bias_score); }
};

// Those of a unit table of letters; encode throws Error for word pieces. `source` names the table.
SearchUnits LetterUnits(const UnitTable &table, const std::string &source);

// A search with state, after Begin(). Not for several threads at once: each has one of its own.
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

// What the searches of all utterances and threads share and none of them changes: the settings, and
// what a method reads once, such as a graph. It must outlive its searches.
class SearchResource {
 public:
  virtual ~SearchResource() = default;
  virtual std::unique_ptr<CtcSearch> NewSearch() const = 0;
};

// That of the method that opts.method names. Throws UsageError as opts.Check(), and where hot words
// or a language model are wanted without units; what reading their files throws.
std::unique_ptr<const SearchResource> MakeSearchResource(const CtcSearchOptions &opts,
                                                         const SearchUnits &units = {});

// Whole utterances: Begin, one Step over all frames, End.
std::vector<CtcHypothesis> CtcDecode(ConstView logp, int nbest, CtcSearch *search);

// "greedy, prefix-beam", for messages.
std::string CtcSearchMethods();

}  // namespace u2moe

#endif  // U2MOE_DECODE_CTC_SEARCH_H_
