#include "decode/wfst-search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "decode/wfst-hot-words.h"
#include "graph/word-table.h"
#include "lattice/determinize.h"
#include "lattice/lattice-paths.h"
#include "util/text.h"

namespace u2moe {
namespace {

TrellisOptions ToTrellisOptions(const CtcSearchOptions &opts) {
  TrellisOptions t;
  t.beam = opts.wfst.beam;
  t.lattice_beam = opts.wfst.lattice_beam;
  t.max_active = opts.wfst.max_active;
  t.min_active = opts.wfst.min_active;
  t.lattice = opts.wfst.lattice || opts.nbest > 1;
  return t;
}

}  // namespace

WfstSearch::WfstSearch(const WfstGraph *graph, std::shared_ptr<ComposedWfstGraph> composed,
                       const CtcSearchOptions &opts, const ContextGraph *context)
    : graph_(graph),
      composed_(std::move(composed)),
      opts_(opts),
      context_(context),
      frames_(opts.blank, opts.blank_penalty),
      trellis_(composed_
                   ? WfstTrellis(composed_.get(), ToTrellisOptions(opts), context, opts.blank + 1)
                   : WfstTrellis(graph, ToTrellisOptions(opts), context, opts.blank + 1)) {
  Begin();
}

WfstSearch::WfstSearch(const WfstGraph *graph, const CtcSearchOptions &opts,
                       const ContextGraph *context)
    : WfstSearch(graph, nullptr, opts, context) {}

WfstSearch::WfstSearch(std::shared_ptr<ComposedWfstGraph> graph, const CtcSearchOptions &opts,
                       const ContextGraph *context)
    : WfstSearch(graph.get(), graph, opts, context) {}

void WfstSearch::Begin() {
  frames_.Begin();
  trellis_.Begin();
  frame_of_.clear();
  pause_.assign(1, 0);
  skipped_.clear();
  last_best_ = -1;
  ended_ = reached_final_ = false;
}

void WfstSearch::Step(ConstView logp) {
  CHECK(!ended_) << "Begin() comes before the next utterance";
  frames_.CheckShape(logp);
  if (logp.Rows() > 0 && graph_->LargestInputLabel() > logp.Cols()) {
    throw DataError("the graph ", opts_.wfst.graph, " has input label ",
                    graph_->LargestInputLabel(), ", which is token ",
                    graph_->LargestInputLabel() - 1, ", but the log-posteriors have ", logp.Cols(),
                    " columns; was it built with the units of this model?");
  }
  for (int64_t t = 0; t < logp.Rows(); ++t, frames_.Advance()) {
    StepFrame(frames_.Prepare(logp.Row(t)));
  }
}

void WfstSearch::StepFrame(const float *logp) {
  const std::vector<float> &maxima = frames_.GroupMaxima(logp);
  const float threshold = opts_.wfst.blank_skip_thresh;
  if (threshold < 1) {
    if (std::exp(logp[frames_.Blank()]) > threshold) {
      skipped_.assign(logp, logp + frames_.Cols());
      ++pause_.back();
      return;
    }
    const auto group = std::max_element(maxima.begin(), maxima.end());
    int64_t best = frames_.GroupColumns(static_cast<size_t>(group - maxima.begin())).first;
    while (logp[best] != *group) ++best;
    if (best != frames_.Blank() && best == last_best_ && !skipped_.empty()) {
      --pause_.back();
      SearchFrame(skipped_.data(), frames_.Frame() - 1);
    }
    skipped_.clear();
    last_best_ = best;
  }
  SearchFrame(logp, frames_.Frame());
}

void WfstSearch::SearchFrame(const float *logp, int32_t frame) {
  const size_t size = static_cast<size_t>(frames_.Cols());
  costs_.resize(size + 1);
  for (size_t k = 0; k < size; ++k) costs_[k + 1] = -opts_.wfst.acoustic_scale * logp[k];
  if (opts_.wfst.blank_scale != 1) {
    costs_[static_cast<size_t>(opts_.blank) + 1] -=
        opts_.wfst.acoustic_scale * std::log(opts_.wfst.blank_scale);
  }
  if (!trellis_.Advance(costs_.data())) {
    throw DataError("frame ", frame, ": no path of the graph goes on here within the beam; raise ",
                    "--graph-beam or --max-active, or look at the graph");
  }
  frame_of_.push_back(frame);
  pause_.push_back(0);
}

CtcHypothesis WfstSearch::BestHypothesis() const {
  const WfstTrellis::Path path = trellis_.BestPath(ended_);
  CtcHypothesis h;
  double graph = path.final, acoustic = 0, bias = path.final_bias;
  for (const WfstTrellis::PathArc &p : path.arcs) {
    const WfstGraph::Arc &arc = graph_->ArcAt(p.arc);
    graph += static_cast<double>(arc.weight);
    bias += static_cast<double>(p.graph) - static_cast<double>(arc.weight);
    acoustic += static_cast<double>(p.acoustic);
    if (arc.olabel != 0) h.words.push_back(arc.olabel);
    if (p.frame < 0) continue;
    if (!WfstGraph::BeginsToken(arc, graph_->SourceOf(p.arc), opts_.blank + 1)) continue;
    h.tokens.push_back(arc.ilabel - 1);
    h.times.push_back(frame_of_[static_cast<size_t>(p.frame)]);
  }
  h.acoustic_score = 0 - acoustic;
  h.language_score = 0 - graph;
  h.bias_score = 0 - bias;
  return h;
}

CtcHypothesis WfstSearch::ToHypothesis(const LatticePath &path) const {
  CtcHypothesis h;
  h.words = path.words;
  int32_t previous = -1;
  for (size_t t = 0; t < path.labels.size(); ++t) {
    const int32_t token = path.labels[t] - 1;
    if (token != previous && token != opts_.blank) {
      h.tokens.push_back(token);
      h.times.push_back(static_cast<int32_t>(t));
    }
    previous = token;
  }
  if (context_ != nullptr) {
    int32_t state = context_->Begin();
    for (const int32_t token : h.tokens) h.bias_score += context_->Step(state, token, &state);
    if (ended_) h.bias_score += context_->Finish(state);
  }
  h.acoustic_score = 0 - path.acoustic_cost;
  h.language_score = 0 - path.graph_cost - h.bias_score;
  return h;
}

double WfstSearch::Determinize(CompactLattice *words) const {
  DeterminizeOptions det;
  det.beam = opts_.wfst.lattice_beam;
  return DeterminizeLattice(RawLattice(), det, words);
}

std::vector<CtcHypothesis> WfstSearch::NBest(int n) const {
  if (n < 1) return {};
  std::vector<CtcHypothesis> nbest{BestHypothesis()};
  if (n == 1 || opts_.nbest == 1) return nbest;
  CompactLattice so_far;
  if (!ended_) Determinize(&so_far);
  for (const LatticePath &path : NBestPaths(ended_ ? words_ : so_far, n)) {
    if (path.words == nbest[0].words) continue;  // the best one
    nbest.push_back(ToHypothesis(path));
    if (nbest.size() == static_cast<size_t>(n)) break;
  }
  return nbest;
}

std::vector<CtcHypothesis> WfstSearch::End(int n) {
  ended_ = true;
  reached_final_ = trellis_.BestPath(true).reached_final;
  if (opts_.wfst.lattice || opts_.nbest > 1) words_beam_ = Determinize(&words_);
  return NBest(n);
}

Lattice WfstSearch::RawLattice() const {
  return trellis_.RawLattice(ended_, pause_, opts_.blank + 1);
}

void WfstResource::Check(const CtcSearchOptions &opts) {
  opts.wfst.Check();
  if (!opts.lm.file.empty()) {
    throw UsageError("--lm=", opts.lm.file,
                     ": the graph of --method=wfst has its language model; lattice-lm-rescore puts "
                     "another one in its place");
  }
}

WfstResource::WfstResource(const CtcSearchOptions &opts, const SearchUnits &units)
    : WfstResource(opts, units, WfstGraph::Read(opts.wfst.graph)) {}

WfstResource::WfstResource(const CtcSearchOptions &opts, const SearchUnits &units, WfstGraph graph)
    : opts_(opts), graph_(std::move(graph)) {
  const bool has_blank = graph_.HasInputLabel(opts.blank + 1);
  if (!opts.wfst.topology.empty()) {
    topology_ = &FindCtcTopology(opts.wfst.topology, "--topology");
    if (has_blank) {
      throw UsageError("--topology=", opts.wfst.topology, ": the graph ", opts.wfst.graph,
                       " has the blank, so it has a topology already; give none, or a graph of "
                       "compile-graph --topology=none");
    }
  } else if (!has_blank) {
    LOG_WARN << "the graph " << opts.wfst.graph
             << " has no arc with the blank: if compile-graph --topology=none made it, say with "
             << "--topology=NAME what it is to be composed with";
  }
  if (!opts.allowed_words.file.empty()) KeepAllowedWords();
  // Where T is composed while searching, its arcs get this when they are made.
  if (opts.wfst.length_penalty != 0 && topology_ == nullptr)
    graph_.AddToTokens(opts.wfst.length_penalty, opts.blank + 1);
  if (opts.hot_words.file.empty()) return;
  const auto phrases = ReadHotWords(opts.hot_words.file, opts.hot_words.score, units.encode);
  const std::vector<bool> readable = ReadablePhrases(graph_, phrases, opts.blank + 1);
  for (size_t i = 0; i < phrases.size(); ++i) {
    if (readable[i]) continue;
    std::string name;
    for (const int32_t token : phrases[i].tokens)
      name += (name.empty() ? "" : " ") + units.units[static_cast<size_t>(token)];
    LOG_WARN << opts.hot_words.file << ": no words of the graph " << opts.wfst.graph
             << " are made of the units '" << Printable(name, 100)
             << "', so this phrase cannot be found; add its words to the lexicon and to the "
             << "language model's text, or search without a graph (--method=prefix-beam)";
  }
  context_ = std::make_unique<const ContextGraph>(MakeContextGraph(opts.hot_words, phrases, units));
}

void WfstResource::KeepAllowedWords() {
  const std::string &file = opts_.allowed_words.file;
  if (opts_.wfst.words.empty())
    throw UsageError("--allowed-words=", file, " needs --words=FILE, the words of the graph");
  const WordTable table = WordTable::Read(opts_.wfst.words);
  std::vector<bool> labels(static_cast<size_t>(table.LargestId()) + 1, false);
  int64_t unknown = 0;
  for (const std::string &word : ReadAllowedWords(file)) {
    const int32_t label = table.Find(word);
    if (label > 0) {
      labels[static_cast<size_t>(label)] = true;
      continue;
    }
    ++unknown;
    LOG_WARN << file << ": allowed word '" << Printable(word) << "' is left out: it is not in "
             << opts_.wfst.words << ", so the graph does not have it";
  }
  graph_.KeepWords(labels, opts_.wfst.graph);
  LOG_INFO << file << ": " << std::count(labels.begin(), labels.end(), true) << " allowed words, "
           << unknown << " left out";
}

std::unique_ptr<CtcSearch> WfstResource::NewSearch() const {
  if (topology_ == nullptr) return std::make_unique<WfstSearch>(&graph_, opts_, context_.get());
  std::unique_ptr<ComposedWfstGraph> graph;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      graph = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!graph) {
    graph = std::make_unique<ComposedWfstGraph>(&graph_, *topology_, opts_.blank,
                                                opts_.wfst.length_penalty);
  }
  const auto put_back = [this](ComposedWfstGraph *used) {
    const std::lock_guard<std::mutex> lock(mutex_);
    idle_.emplace_back(used);
  };
  return std::make_unique<WfstSearch>(std::shared_ptr<ComposedWfstGraph>(graph.release(), put_back),
                                      opts_, context_.get());
}

}  // namespace u2moe
