#include "graph/compile-graph.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "graph/determinize-graph.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;

void CheckWords(const StdVectorFst &lexicon, const StdVectorFst &grammar,
                const CompileGraphOptions &opts, CompileGraphNotes *notes) {
  std::set<int32_t> spoken, missing;
  for (int s = 0; s < lexicon.NumStates(); ++s) {
    for (fst::ArcIterator<StdVectorFst> it(lexicon, s); !it.Done(); it.Next())
      spoken.insert(it.Value().olabel);
  }
  for (int s = 0; s < grammar.NumStates(); ++s) {
    for (fst::ArcIterator<StdVectorFst> it(grammar, s); !it.Done(); it.Next()) {
      const int32_t word = it.Value().ilabel;
      if (word != 0 && spoken.count(word) == 0) missing.insert(word);
    }
  }
  notes->words_without_pronunciation = static_cast<int64_t>(missing.size());
  if (missing.empty() || opts.skip_missing) return;
  std::string names;
  int n = 0;
  for (const int32_t word : missing) {
    if (++n > 5) break;
    names += (names.empty() ? "" : ", ") + WordName(opts.words, word);
  }
  throw DataError(missing.size(), " words of the language model have no pronunciation: ", names,
                  missing.size() > 5 ? ", ..." : "",
                  "; add them to the lexicon, give arpa-to-fst the lexicon's --read-symbol-table, "
                  "or leave them out with --skip-missing");
}

// Copies what a machine that is made as it is looked at comes to.
StdVectorFst CopyWithin(const fst::Fst<StdArc> &lazy, int64_t max_states, const char *what) {
  StdVectorFst out;
  const int start = lazy.Start();
  RequireSound(lazy, what);
  if (start == fst::kNoStateId) return out;
  int known = start + 1;  // states are numbered as they are found
  const auto grow = [&] {
    if (max_states > 0 && known > max_states) {
      throw DataError(what, " has more than --max-states=", max_states,
                      " states; prune the language model or the lexicon, or raise --max-states "
                      "where there is the memory (about 400 bytes a state)");
    }
    while (out.NumStates() < known) out.AddState();
  };
  grow();
  out.SetStart(start);
  for (int s = 0; s < known; ++s) {
    out.SetFinal(s, lazy.Final(s));
    for (fst::ArcIterator<fst::Fst<StdArc>> it(lazy, s); !it.Done(); it.Next()) {
      known = std::max(known, it.Value().nextstate + 1);
      grow();
      out.AddArc(s, it.Value());
    }
  }
  RequireSound(lazy, what);
  return out;
}

void Note(const char *name, const StdVectorFst &machine, CompileGraphNotes *notes) {
  int64_t arcs = 0;
  for (int s = 0; s < machine.NumStates(); ++s) arcs += static_cast<int64_t>(machine.NumArcs(s));
  notes->sizes.push_back({name, machine.NumStates(), arcs});
}

// Looks for a cycle of arcs without a token on their input, depth first; the stack is its own.
void CheckCycles(const StdVectorFst &lg, const CompileGraphOptions &opts) {
  enum : char { kUnseen, kOpen, kDone };
  std::vector<char> seen(static_cast<size_t>(lg.NumStates()), kUnseen);
  struct Place {
    int state;
    size_t next;
    StdArc via;
  };
  std::vector<Place> stack;
  for (int root = 0; root < lg.NumStates(); ++root) {
    if (seen[static_cast<size_t>(root)] != kUnseen) continue;
    stack.push_back({root, 0, StdArc()});
    seen[static_cast<size_t>(root)] = kOpen;
    while (!stack.empty()) {
      fst::ArcIterator<StdVectorFst> it(lg, stack.back().state);
      it.Seek(stack.back().next++);
      if (it.Done()) {
        seen[static_cast<size_t>(stack.back().state)] = kDone;
        stack.pop_back();
        continue;
      }
      const StdArc &arc = it.Value();
      if (arc.ilabel > 0 && arc.ilabel <= opts.num_tokens) continue;
      char *state = &seen[static_cast<size_t>(arc.nextstate)];
      if (*state == kUnseen) {
        *state = kOpen;
        stack.push_back({arc.nextstate, 0, arc});
      } else if (*state == kOpen) {
        double cost = arc.weight.Value();
        std::string words = arc.olabel > 0 ? " " + WordName(opts.words, arc.olabel) : "";
        for (size_t i = stack.size(); stack[--i].state != arc.nextstate;) {
          cost += static_cast<double>(stack[i].via.weight.Value());
          if (stack[i].via.olabel > 0) words += " " + WordName(opts.words, stack[i].via.olabel);
        }
        throw DataError("L o G has a cycle without any token, of cost ", cost,
                        words.empty() ? ", of epsilons alone" : ", of the words" + words,
                        ": no search could leave it. Is there a word without units in L, or a "
                        "circle of epsilons or back-off arcs in G?");
      }
    }
  }
}

}  // namespace

StdVectorFst CompileGraph(const StdVectorFst &lexicon, const StdVectorFst &grammar,
                          const CompileGraphOptions &opts, CompileGraphNotes *notes) {
  *notes = {};
  CheckWords(lexicon, grammar, opts, notes);
  StdVectorFst l = lexicon, g = grammar;
  for (StdVectorFst *machine : {&l, &g}) {
    machine->SetInputSymbols(nullptr);  // OpenFst compares them by name
    machine->SetOutputSymbols(nullptr);
  }
  Note("L", l, notes);
  Note("G", g, notes);
  fst::ArcSort(&l, fst::OLabelCompare<StdArc>());
  fst::ArcSort(&g, fst::ILabelCompare<StdArc>());
  StdVectorFst lg;
  {
    // With its kinds named the composition is compiled for these alone, not for look-ahead too.
    using Matcher = fst::SortedMatcher<fst::Fst<StdArc>>;
    using Filter = fst::SequenceComposeFilter<Matcher>;
    const fst::ComposeFst<StdArc> lazy(
        l, g, fst::ComposeFstOptions<StdArc, Matcher, Filter>(fst::CacheOptions(true, 0)));
    lg = CopyWithin(lazy, opts.max_states, "L o G");
  }
  fst::Connect(&lg);
  Note("L o G", lg, notes);
  if (lg.NumStates() == 0)
    throw DataError("L o G is empty: no sentence of the language model has a pronunciation");
  CheckCycles(lg, opts);
  StdVectorFst det = DeterminizeGraph(lg, {opts.max_states, opts.words});
  lg = StdVectorFst();
  Note("det(L o G)", det, notes);
  fst::EncodeMapper<StdArc> encoder(fst::kEncodeLabels | fst::kEncodeWeights);
  fst::Encode(&det, &encoder);
  // An acceptor without weights now; Minimize would be compiled for transducers too.
  fst::internal::AcceptorMinimize(&det);
  fst::Decode(&det, encoder);
  RequireSound(det, "the minimisation of LG");
  Note("LG", det, notes);
  if (opts.topology == nullptr) {
    for (int s = 0; s < det.NumStates(); ++s) {
      for (fst::MutableArcIterator<StdVectorFst> it(&det, s); !it.Done(); it.Next()) {
        StdArc arc = it.Value();
        if (arc.ilabel > opts.num_tokens) arc.ilabel = 0;
        it.SetValue(arc);
      }
    }
    return det;
  }
  StdVectorFst tlg =
      ComposeCtcTopology(*opts.topology, opts.num_tokens, opts.blank, det, opts.max_states);
  Note("TLG", tlg, notes);
  if (tlg.NumStates() == 0)
    throw DataError("T o LG is empty: were L and the unit table made for each other?");
  return tlg;
}

}  // namespace u2moe
