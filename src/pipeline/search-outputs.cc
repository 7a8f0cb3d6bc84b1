#include "pipeline/search-outputs.h"

#include <atomic>

#include "base/error.h"
#include "base/log.h"
#include "pipeline/nbest-table.h"
#include "table/live-writer.h"
#ifdef U2MOE_OPENFST
#include "decode/wfst-search.h"
#include "graph/word-table.h"
#include "lattice/lattice-costs.h"
#include "lattice/lattice-tables.h"
#endif

namespace u2moe {

#ifdef U2MOE_OPENFST
struct SearchOutputs::Graph {
  WordTable words;
  std::unique_ptr<TokenVectorWriter> text;
  std::unique_ptr<CompactLatticeWriter> lattices;
  std::atomic<int64_t> num_cut_off{0};  // utterances that ended where the graph does not

  void WriteText(const std::string &key, const std::vector<int32_t> &labels,
                 const std::string &source) {
    std::vector<std::string> line;
    for (const int32_t label : labels) {
      const std::string *word = words.Word(label);
      if (word == nullptr) {
        throw Error("the graph's word ", label, " is not in ", source,
                    "; were they made together?");
      }
      line.push_back(*word);
    }
    text->Write(key, line);
  }
};
#else
struct SearchOutputs::Graph {};
#endif

SearchOutputs::SearchOutputs() = default;
SearchOutputs::~SearchOutputs() = default;

void SearchOutputs::Register(OptionParser *po) {
  po->RegisterOutput(
      "times", &times_wspecifier_,
      "wspecifier for the frame of each token, int32 vectors with the keys of the tokens");
  po->RegisterOutput("acoustic-scores", &acoustic_wspecifier_,
                     "wspecifier for the scores without language model and hot words, as those of "
                     "lattice-to-nbest --scores: what attention-rescore weights as CTC");
  po->RegisterOutput("lm-scores", &lm_wspecifier_,
                     "wspecifier for the part of the language model or graph, with the weights of "
                     "this search, for attention-rescore and tune-weights --lm-scores");
  po->RegisterInput("words", &words_, "words.txt of --graph, for --text and --allowed-words");
  po->RegisterOutput("text", &text_wspecifier_,
                     "wspecifier for the words of --graph, with the keys of the tokens");
  po->RegisterOutput("lattice", &lattice_wspecifier_,
                     "wspecifier for lattices over the words of --graph, Kaldi's CompactLattice");
}

void SearchOutputs::Check(CtcSearchOptions *opts) const {
  const auto need_graph = [&](const char *option, const std::string &value) {
    if (value.empty() || opts->method == "wfst") return;
    throw UsageError(option, "=", value, ": --method=", opts->method,
                     " has no graph with words; give --method=wfst --graph=FILE");
  };
  need_graph("--text", text_wspecifier_);
  need_graph("--lattice", lattice_wspecifier_);
  if (!text_wspecifier_.empty() && words_.empty())
    throw UsageError("--text=", text_wspecifier_, " needs --words=FILE, the words of the graph");
  if (!lattice_wspecifier_.empty()) opts->wfst.lattice = true;
  opts->wfst.words = words_;
}

void SearchOutputs::Open(const std::string &tokens_wspecifier, const std::string &scores_wspecifier,
                         const CtcSearchOptions &opts) {
  opts_ = opts;
#ifdef U2MOE_OPENFST
  graph_ = std::make_unique<Graph>();
  if (!text_wspecifier_.empty()) {
    graph_->words = WordTable::Read(words_);
    graph_->text = std::make_unique<TokenVectorWriter>(FlushedWhereRead(text_wspecifier_));
  }
  if (!lattice_wspecifier_.empty())
    graph_->lattices =
        std::make_unique<CompactLatticeWriter>(FlushedWhereRead(lattice_wspecifier_));
#endif
  tokens_ = std::make_unique<Int32VectorWriter>(FlushedWhereRead(tokens_wspecifier));
  if (!scores_wspecifier.empty())
    scores_ = std::make_unique<VectorWriter>(FlushedWhereRead(scores_wspecifier));
  if (!acoustic_wspecifier_.empty())
    acoustic_scores_ = std::make_unique<VectorWriter>(FlushedWhereRead(acoustic_wspecifier_));
  if (!lm_wspecifier_.empty())
    lm_scores_ = std::make_unique<VectorWriter>(FlushedWhereRead(lm_wspecifier_));
  if (!times_wspecifier_.empty())
    times_ = std::make_unique<Int32VectorWriter>(FlushedWhereRead(times_wspecifier_));
}

SearchResult SearchOutputs::Collect(std::vector<CtcHypothesis> nbest,
                                    const CtcSearch &search) const {
  SearchResult result;
  result.nbest = std::move(nbest);
#ifdef U2MOE_OPENFST
  const auto *wfst = dynamic_cast<const WfstSearch *>(&search);
  if (wfst != nullptr && !wfst->ReachedFinal()) ++graph_->num_cut_off;
  if (wfst != nullptr && (opts_.wfst.lattice || opts_.nbest > 1))
    result.lattice_beam = wfst->LatticeBeam();
  if (lattice_wspecifier_.empty()) return result;
  auto lattice = std::make_shared<CompactLattice>(wfst->WordLattice());
  // As Kaldi writes them: without the acoustic scale of the search.
  if (opts_.wfst.acoustic_scale != 1) {
    const double inverse = 1 / static_cast<double>(opts_.wfst.acoustic_scale);
    const double scales[2][2] = {{1, 0}, {0, inverse}};
    ScaleLattice(scales, lattice.get());
  }
  result.lattice = lattice;
#else
  (void)search;
#endif
  return result;
}

void SearchOutputs::Write(const std::string &utterance, const SearchResult &result) {
  if (result.lattice_beam >= 0 &&
      result.lattice_beam < static_cast<double>(opts_.wfst.lattice_beam)) {
    LOG_WARN << "utterance " << utterance
             << ": the lattice was too large: all word sequences are there within "
             << result.lattice_beam
             << " of the best only, not --lattice-beam=" << opts_.wfst.lattice_beam;
  }
  for (size_t n = 0; n < result.nbest.size(); ++n) {
    const CtcHypothesis &h = result.nbest[n];
    const std::string key = opts_.nbest > 1 ? NbestKey(utterance, n + 1) : utterance;
#ifdef U2MOE_OPENFST
    if (graph_->text) graph_->WriteText(key, h.words, words_);
#endif
    tokens_->Write(key, h.tokens);
    if (scores_) scores_->Write(key, {static_cast<float>(h.Score())});
    if (acoustic_scores_) acoustic_scores_->Write(key, {static_cast<float>(h.acoustic_score)});
    if (lm_scores_) lm_scores_->Write(key, {static_cast<float>(h.language_score)});
    if (times_) times_->Write(key, h.times);
  }
#ifdef U2MOE_OPENFST
  if (graph_->lattices && result.lattice)
    graph_->lattices->Write(utterance, *static_cast<const CompactLattice *>(result.lattice.get()));
#endif
}

void SearchOutputs::Close() {
  tokens_->Close();
  if (scores_) scores_->Close();
  if (acoustic_scores_) acoustic_scores_->Close();
  if (lm_scores_) lm_scores_->Close();
  if (times_) times_->Close();
#ifdef U2MOE_OPENFST
  if (graph_->text) graph_->text->Close();
  if (graph_->lattices) graph_->lattices->Close();
  if (graph_->num_cut_off > 0) {
    LOG_WARN << graph_->num_cut_off << " utterances ended within a word or where the graph cannot "
             << "end; their best paths so far were taken";
  }
#endif
}

}  // namespace u2moe
