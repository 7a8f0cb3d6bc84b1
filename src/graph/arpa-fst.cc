#include "graph/arpa-fst.h"

#include <vector>

#include "base/error.h"

namespace u2moe {
namespace {

bool IsWord(const NgramTrie &model, int32_t word, bool keep_unk) {
  return word != model.Bos() && word != model.Eos() && (keep_unk || word != model.Unk());
}

}  // namespace

void AddWords(const NgramTrie &model, bool keep_unk, WordTable *words) {
  for (int32_t w = 0; w < model.Words().Size(); ++w) {
    const std::string &word = model.Words().Word(w);
    if (!IsWord(model, w, keep_unk)) continue;
    if (word == WordTable::kEpsilon || IsDisambigSymbol(word)) {
      throw DataError(
          "the language model has the word '", word,
          "', which is a symbol of graphs; leave it out of the text that it is made of");
    }
    words->Add(word);
  }
}

fst::StdVectorFst MakeNgramFst(const NgramTrie &model, const WordTable &words,
                               const ArpaFstOptions &opts, int64_t *left_out) {
  std::vector<int32_t> labels(static_cast<size_t>(model.Words().Size()), -1);
  for (int32_t w = 0; w < model.Words().Size(); ++w) {
    if (IsWord(model, w, opts.keep_unk))
      labels[static_cast<size_t>(w)] = words.Find(model.Words().Word(w));
  }
  *left_out = 0;
  fst::StdVectorFst g;
  g.ReserveStates(static_cast<size_t>(model.NumContexts()));
  for (int32_t c = 0; c < model.NumContexts(); ++c) g.AddState();
  for (int32_t c = 0; c < model.NumContexts(); ++c) {
    for (const NgramTrie::Ngram &ngram : model.Ngrams(c)) {
      if (ngram.word == model.Bos()) continue;
      if (ngram.word == model.Eos()) {
        g.SetFinal(c, -ngram.logp);
        continue;
      }
      const int32_t label = labels[static_cast<size_t>(ngram.word)];
      if (label < 0) {
        ++*left_out;
        continue;
      }
      g.AddArc(c, fst::StdArc(label, label, -ngram.logp, model.Next(ngram)));
    }
    if (c > 0) {
      const float cost = static_cast<float>(-model.Backoff(c));
      g.AddArc(c, fst::StdArc(opts.disambig, 0, cost, model.Link(c)));
    }
  }
  g.SetStart(model.Begin());
  fst::Connect(&g);
  if (g.NumStates() == 0) {
    throw DataError("no sentence of the language model can be made of the given words; were the ",
                    "symbol table and the model made for each other?");
  }
  fst::ArcSort(&g, fst::ILabelCompare<fst::StdArc>());
  RequireSound(g, "the language model's graph");
  return g;
}

}  // namespace u2moe
