#include <optional>

#include "base/log.h"
#include "base/main.h"
#include "graph/arpa-fst.h"
#include "graph/fst-file.h"
#include "util/options.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Turns a back-off n-gram model in the ARPA format into an FST, Kaldi's G.fst: words on both "
      "sides,\n"
      "costs in natural logarithms, <s> as the start and </s> as the end.\n\n"
      "Usage: arpa-to-fst [options] <arpa-rxfilename> <fst-wxfilename>\n"
      "  e.g. arpa-to-fst --write-symbol-table=words.txt lm.arpa G.fst\n"
      "       arpa-to-fst --read-symbol-table=words.txt lm.arpa G.fst\n");
  std::string read_words, write_words, disambig = WordTable::kDisambig, type = "vector";
  ArpaFstOptions opts;
  po.RegisterInput("read-symbol-table", &read_words,
                   "words.txt whose ids are used; n-grams with other words are left out");
  po.RegisterOutput("write-symbol-table", &write_words,
                    "words.txt of the model's words, in its order");
  po.Register("disambig-symbol", &disambig,
              "word on the back-off arcs, which keeps LG determinisable; empty: epsilon");
  po.Register("keep-unk", &opts.keep_unk,
              "keep the n-grams of <unk>, which then needs a pronunciation");
  po.Register("fst-type", &type, "vector or const");
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const FstFileType file_type = ParseFstFileType(type);
  if (read_words.empty() == write_words.empty())
    throw UsageError("give either --read-symbol-table or --write-symbol-table");
  if (!disambig.empty() && !IsDisambigSymbol(disambig))
    throw UsageError("--disambig-symbol=", disambig, ": must be # and a number, as #0");

  NgramTrieNotes notes;
  const NgramTrie model = NgramTrie::Read(po.Arg(0), &notes);
  LOG_INFO << po.Arg(0) << ": " << notes.ToString();
  WordTable words;
  if (read_words.empty()) {
    AddWords(model, opts.keep_unk, &words);
    if (!disambig.empty()) words.Add(disambig);
    words.Add("<s>");  // no arc has them: as in Kaldi's words.txt, for what rescores
    words.Add("</s>");
  } else {
    words = WordTable::Read(read_words);
  }
  if (!disambig.empty()) {
    opts.disambig = words.Find(disambig);
    if (opts.disambig < 0) {
      throw UsageError("--disambig-symbol=", disambig, ": not in ", read_words,
                       "; add it there, or give --disambig-symbol= for epsilons");
    }
  }
  int64_t left_out = 0;
  const fst::StdVectorFst g = MakeNgramFst(model, words, opts, &left_out);
  if (left_out > 0) {
    LOG_WARN << "left out " << left_out << " n-grams that end in <unk> or in a word that is not in "
             << (read_words.empty() ? "the model" : read_words);
  }
  if (!write_words.empty()) words.Write(write_words);
  WriteFst(g, file_type, po.Arg(1));
  LOG_INFO << "wrote " << g.NumStates() << " states to " << po.Arg(1);
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
