#ifndef U2MOE_PIPELINE_SEARCH_OUTPUTS_H_
#define U2MOE_PIPELINE_SEARCH_OUTPUTS_H_

#include <memory>
#include <string>
#include <vector>

#include "decode/ctc-search.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"

namespace u2moe {

// What is known of an utterance once it has been searched.
struct SearchResult {
  std::vector<CtcHypothesis> nbest;
  std::shared_ptr<const void> lattice;  // a CompactLattice, if one was asked for
  // Within which all word sequences are there, where the search has a lattice; negative: it has
  // not.
  double lattice_beam = -1;
};

// The tables that ctc-decode writes.
class SearchOutputs {
 public:
  SearchOutputs();
  ~SearchOutputs();

  // --times, --words, --text, --lattice, --acoustic-scores, --lm-scores.
  void Register(OptionParser *po);
  // Throws UsageError for an option that the method has nothing for, or that needs OpenFst where
  // u2moe was built without it; sets what the search must keep.
  void Check(CtcSearchOptions *opts) const;
  // Opens all; no scores if that is "". Needs Check.
  void Open(const std::string &tokens_wspecifier, const std::string &scores_wspecifier,
            const CtcSearchOptions &opts);

  // Of a search that has ended; may be called by several threads, each with its search.
  SearchResult Collect(std::vector<CtcHypothesis> nbest, const CtcSearch &search) const;
  // Throws Error for a word that the words.txt has not.
  void Write(const std::string &utterance, const SearchResult &result);
  void Close();

 private:
  struct Graph;  // what needs OpenFst

  std::string times_wspecifier_, words_, text_wspecifier_, lattice_wspecifier_;
  std::string acoustic_wspecifier_, lm_wspecifier_;
  CtcSearchOptions opts_;
  std::unique_ptr<Int32VectorWriter> tokens_, times_;
  std::unique_ptr<VectorWriter> scores_, acoustic_scores_, lm_scores_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_SEARCH_OUTPUTS_H_
