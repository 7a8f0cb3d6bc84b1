#include <iostream>
#include <memory>

#include "base/log.h"
#include "base/main.h"
#include "lm/ngram-trie.h"
#include "lm/perplexity.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/io.h"
#include "util/options.h"
#include "util/places.h"
#include "util/tally.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Perplexity and out-of-vocabulary rate of an n-gram model on a text, on stdout.\n\n"
      "Usage: compute-perplexity [options] <arpa-rxfilename> <text-rspecifier> "
      "[<scores-wspecifier>]\n"
      "  Each line of the text is a sentence; its end counts as a token. Words that the model "
      "does\n"
      "  not know are left out of the one perplexity and scored as <unk> in the other.\n"
      "  Scores are float vectors of one number for each utterance: the natural-log probability of "
      "its\n"
      "  words and end, unknown words as <unk> (left out where the model has none); as --lm-scores "
      "of\n"
      "  attention-rescore.\n"
      "  e.g. compute-perplexity lm.arpa ark:data/dev/text\n"
      "       compute-perplexity 'gunzip -c lm.arpa.gz |' ark:data/dev/text ark,t:scores.txt\n"
      "       compute-perplexity --per-utt=perplexities.txt lm.arpa ark:data/dev/text\n");
  std::string per_utt;
  po.RegisterOutput("per-utt", &per_utt,
                    "file with a line for each utterance: key, words, unknown words, natural-log "
                    "probability of known words and end, and of unknown words as <unk>");
  UtteranceTally tally(&po);
  po.AddPlaces([](Places *places) { places->Print("the perplexity"); });
  if (!po.Parse(argc, argv, 2, 3, InputArgs{2})) return 0;

  NgramTrieNotes notes;
  const NgramTrie lm = NgramTrie::Read(po.Arg(0), &notes);
  LOG_INFO << po.Arg(0) << ": " << notes.ToString();
  SequentialTokenVectorReader reader(po.Arg(1));
  std::unique_ptr<VectorWriter> writer;
  if (po.NumArgs() > 2) writer = std::make_unique<VectorWriter>(po.Arg(2));
  std::unique_ptr<Output> lines;
  if (!per_utt.empty()) lines = std::make_unique<Output>(per_utt);
  LmTextScore total;
  for (; !reader.Done(); reader.Next()) {
    tally.Try(reader, [&] {
      const LmTextScore s = ScoreSentence(lm, reader.Value());
      total.Add(s);
      if (writer) writer->Write(reader.Key(), {static_cast<float>(s.logp + s.oov_logp)});
      if (!lines) return;
      lines->Stream() << reader.Key() << ' ' << s.words << ' ' << s.oovs << ' ' << s.logp << ' '
                      << s.oov_logp << '\n';
    });
  }
  reader.Close();
  if (writer) writer->Close();
  if (lines) lines->Close();
  WritePerplexity(std::cout, total, lm.Unk() >= 0);
  return tally.Finish();
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
