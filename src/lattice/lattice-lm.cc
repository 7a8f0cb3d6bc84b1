#include "lattice/lattice-lm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "graph/arpa-fst.h"
#include "graph/fst-file.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Costs this near are the same: sums of the same floats in another order.
constexpr double kSame = 1.0 / (1 << 20);

}  // namespace

NgramLatticeLm::NgramLatticeLm(const NgramTrie *model, const WordTable *words, double oov_cost)
    : model_(model), words_(words), oov_cost_(oov_cost) {}

int32_t NgramLatticeLm::ModelId(int32_t word) {
  const auto index = static_cast<size_t>(word);
  if (word >= 0 && index < ids_.size() && ids_[index] != -2) return ids_[index];
  const std::string *spelling = words_->Word(word);
  if (!spelling || word == 0) {
    throw DataError("the word id ", word,
                    " of the lattice is not in the word table; give the "
                    "words.txt of the graph that made the lattice");
  }
  if (index >= ids_.size()) ids_.resize(index + 1, -2);
  ids_[index] = model_->Find(*spelling);
  return ids_[index];
}

double NgramLatticeLm::Step(int32_t state, int32_t word, int32_t *next) {
  const int32_t id = ModelId(word);
  if (id >= 0) return -model_->Score(state, id, next);
  *next = 0;
  return oov_cost_;
}

double NgramLatticeLm::Final(int32_t state) {
  int32_t next;
  return -model_->Score(state, model_->Eos(), &next);
}

FstLatticeLm::FstLatticeLm(fst::StdVectorFst g) : g_(std::move(g)) {
  if (g_.Start() == fst::kNoStateId) throw DataError("the grammar has no start");
  fst::ArcSort(&g_, fst::OLabelCompare<fst::StdArc>());
  Set set;
  // What is common to all is not lost: it costs nothing to start.
  const double cost = Close({{g_.Start(), 0.0}}, &set);
  for (auto &[state, costs] : set) costs += cost;
  start_ = IdOf(std::move(set));
}

double FstLatticeLm::Close(Costs costs, Set *set) const {
  // States whose arcs have to be looked at again. Back-off leads to shorter histories, so that few
  // are looked at twice.
  std::vector<int32_t> work;
  for (const auto &item : costs) work.push_back(item.first);
  for (int64_t steps = 0; !work.empty(); ++steps) {
    if (steps > 100000) {
      throw DataError("state ", work.back(),
                      " of the grammar is on a cycle of arcs without words that costs nothing or "
                      "less; make the grammar by arpa-to-fst");
    }
    const int32_t state = work.back();
    work.pop_back();
    const double cost = costs.at(state);
    for (fst::ArcIterator<fst::StdVectorFst> it(g_, state); !it.Done(); it.Next()) {
      const fst::StdArc &arc = it.Value();
      if (arc.olabel != 0) break;  // sorted
      const double next = cost + arc.weight.Value();
      const auto [place, is_new] = costs.emplace(arc.nextstate, next);
      if (!is_new && place->second <= next) continue;
      place->second = next;
      work.push_back(arc.nextstate);
    }
  }
  double best = kInfinity;
  for (const auto &item : costs) best = std::min(best, item.second);
  set->clear();
  if (best == kInfinity) return best;
  for (const auto &[state, cost] : costs)
    if (cost < kInfinity) set->push_back({state, cost - best});
  return best;
}

int32_t FstLatticeLm::IdOf(Set set) {
  std::vector<std::pair<int32_t, int64_t>> key;
  for (const auto &[state, cost] : set) key.push_back({state, std::llround(cost / kSame)});
  const auto [it, is_new] = ids_.emplace(std::move(key), static_cast<int32_t>(sets_.size()));
  if (is_new) sets_.push_back(std::move(set));
  return it->second;
}

double FstLatticeLm::Step(int32_t state, int32_t word, int32_t *next) {
  Costs costs;
  for (const auto &[from, cost] : sets_[static_cast<size_t>(state)]) {
    fst::ArcIteratorData<fst::StdArc> arcs;
    g_.InitArcIterator(from, &arcs);
    const fst::StdArc *end = arcs.arcs + arcs.narcs;
    const fst::StdArc *arc = std::lower_bound(
        arcs.arcs, end, word, [](const fst::StdArc &a, int32_t label) { return a.olabel < label; });
    for (; arc != end && arc->olabel == word; ++arc) {
      const double through = cost + arc->weight.Value();
      const auto [place, is_new] = costs.emplace(arc->nextstate, through);
      if (!is_new) place->second = std::min(place->second, through);
    }
  }
  Set set;
  const double best = Close(std::move(costs), &set);
  if (best < kInfinity) *next = IdOf(std::move(set));
  return best;
}

double FstLatticeLm::Final(int32_t state) {
  double best = kInfinity;
  for (const auto &[in_g, cost] : sets_[static_cast<size_t>(state)]) {
    best = std::min(best, cost + g_.Final(in_g).Value());
  }
  return best;
}

LatticeLmFile ReadLatticeLm(const std::string &rxfilename, const WordTable &words, BackOff back_off,
                            double oov_cost) {
  LatticeLmFile file;
  bool is_fst = false;
  if (!IsPipe(rxfilename) && rxfilename != "-") {
    Input input(rxfilename);
    is_fst = input.Stream().peek() == 0xd6;  // of OpenFst's magic number
    input.Finish();
  }
  if (is_fst) {
    file.lm = std::make_unique<FstLatticeLm>(ReadFst(rxfilename));
    return file;
  }
  file.ngrams = std::make_unique<NgramTrie>(NgramTrie::Read(rxfilename));
  if (back_off == BackOff::kExact) {
    if (file.ngrams->Unk() < 0) {
      LOG_WARN << rxfilename << " has no <unk>: each word that it does not know costs " << oov_cost;
    }
    file.lm = std::make_unique<NgramLatticeLm>(file.ngrams.get(), &words, oov_cost);
    return file;
  }
  int64_t left_out = 0;
  file.lm = std::make_unique<FstLatticeLm>(
      MakeNgramFst(*file.ngrams, words, ArpaFstOptions(), &left_out));
  return file;
}

}  // namespace u2moe
