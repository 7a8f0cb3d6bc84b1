#ifndef U2MOE_DECODE_WFST_SEARCH_H_
#define U2MOE_DECODE_WFST_SEARCH_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "decode/ctc-search.h"
#include "decode/frame-source.h"
#include "decode/wfst-composed-graph.h"
#include "decode/wfst-graph.h"
#include "decode/wfst-trellis.h"
#include "lattice/lattice-paths.h"

namespace u2moe {

// The best path through a decoding graph such as TLG: label 1 + k of its input is token k, its
// output labels are words.
//
// acoustic_score: acoustic_scale times the log-posteriors along the path; language_score: what the
// graph says, length penalties included, and at the end the cost of ending where the path does, if
// a final state was reached. Until End the graph need not be able to end.
//
// A token begins with an emitting arc of its label, unless that is a loop without a word; its time
// is its first frame, as in WeNet. Hot words are paid where tokens begin (bias_score); what of a
// phrase has been read is part of a token's identity, so that no path loses what it was paid to
// another one.
//
// A frame whose blank has a probability above blank_skip_thresh is passed over, and costs nothing;
// but if the best tokens before and after such frames are the same one, the last of them is
// searched, since a topology may want a blank between.
//
// n-best: distinct in their words, within the lattice beam; there may be fewer. The tokens of all
// but the first are those of the frames' labels where equal neighbours are one token, even if the
// topology could tell them apart. Needs opts.nbest > 1, which keeps the lattice; else there is one.
class WfstSearch : public CtcSearch {
 public:
  // `graph` must outlive it, and has the length penalty already (WfstResource); so must the hot
  // words, if there are any.
  WfstSearch(const WfstGraph *graph, const CtcSearchOptions &opts,
             const ContextGraph *context = nullptr);
  // Over T o LG, made as it is searched, by this search alone.
  WfstSearch(std::shared_ptr<ComposedWfstGraph> graph, const CtcSearchOptions &opts,
             const ContextGraph *context = nullptr);

  void Begin() override;
  void Step(ConstView logp) override;
  std::vector<CtcHypothesis> NBest(int n) const override;
  std::vector<CtcHypothesis> End(int n) override;

  // Every path within the lattice beam; after End with final costs. Input labels: as the graph's,
  // one for each frame, also those passed over. Needs opts.wfst.lattice (CHECK).
  Lattice RawLattice() const;

  // Of the last End: whether the graph could end there.
  bool ReachedFinal() const { return reached_final_; }
  // Of the last End: one path a word sequence, of all within the beam that LatticeBeam gives, which
  // is the lattice beam unless that had been too large. Needs a lattice as RawLattice does.
  const CompactLattice &WordLattice() const { return words_; }
  double LatticeBeam() const { return words_beam_; }

 private:
  void StepFrame(const float *logp);
  void SearchFrame(const float *logp, int32_t frame);
  CtcHypothesis BestHypothesis() const;
  // Determinises the lattice; returns the beam that was reached.
  double Determinize(CompactLattice *words) const;
  // The hypothesis of a path of the determinised lattice.
  CtcHypothesis ToHypothesis(const LatticePath &path) const;

  WfstSearch(const WfstGraph *graph, std::shared_ptr<ComposedWfstGraph> composed,
             const CtcSearchOptions &opts, const ContextGraph *context);

  const WfstGraph *graph_;
  std::shared_ptr<ComposedWfstGraph> composed_;
  CtcSearchOptions opts_;
  const ContextGraph *context_;
  CtcFrameSource frames_;
  WfstTrellis trellis_;
  std::vector<float> costs_;       // by input label
  std::vector<int32_t> frame_of_;  // of each frame that was searched
  std::vector<int32_t> pause_;     // frames passed over before each, and at the end
  std::vector<float> skipped_;     // the last frame passed over, if it was just before
  int64_t last_best_ = -1;         // the best token of the last frame that was not
  bool ended_ = false, reached_final_ = false;
  CompactLattice words_;  // after End
  double words_beam_ = 0;
};

// Reads the graph; its searches share it. Where the graph has no topology, they have T o LG as far
// as they have come, one after another the same ones. What is found does not hang on who had it
// before: numbers of states decide nothing.
class WfstResource : public SearchResource {
 public:
  WfstResource(const CtcSearchOptions &opts, const SearchUnits &units);
  WfstResource(const CtcSearchOptions &opts, const SearchUnits &units, WfstGraph graph);

  std::unique_ptr<CtcSearch> NewSearch() const override;
  static void Check(const CtcSearchOptions &opts);
  static std::string Describe(const CtcSearchOptions &opts) { return opts.wfst.ToString(); }

 private:
  void KeepAllowedWords();

  CtcSearchOptions opts_;
  WfstGraph graph_;  // TLG, or LG
  const CtcTopology *topology_ = nullptr;
  std::unique_ptr<const ContextGraph> context_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<ComposedWfstGraph>> idle_;  // guarded by mutex_
};

}  // namespace u2moe

#endif  // U2MOE_DECODE_WFST_SEARCH_H_
