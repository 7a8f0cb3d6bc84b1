#include "base/log.h"
#include "base/main.h"
#include "graph/fst-file.h"
#include "graph/lexicon.h"
#include "modelfile/model-tokenizer.h"
#include "util/options.h"

namespace u2moe {
namespace {

// The id of the unit that an option names, -1 for none.
int32_t FindUnit(const UnitTable &units, const std::string &option, const std::string &unit,
                 const std::string &source) {
  const int32_t id = unit.empty() ? -1 : units.Find(unit);
  if (!unit.empty() && id < 0)
    throw UsageError(option, "=", unit, ": ", source, " has no such unit");
  return id;
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Makes the lexicon of a decoding graph, L.fst: from a model's units to words. Pronunciations "
      "come\n"
      "from --lexicon, lines 'word unit unit ...', or each word is spelled with the units.\n\n"
      "Usage: make-lexicon-fst [options] <units.txt | model> <fst-wxfilename>\n"
      "  e.g. make-lexicon-fst --read-symbol-table=words.txt units.txt L.fst\n"
      "       make-lexicon-fst --lexicon=lexicon.txt --write-symbol-table=words.txt units.txt "
      "L.fst\n");
  std::string lexicon_name, read_words, write_words, silence, type = "vector";
  TokenizerOptions spelling;
  spelling.Register(&po, true);
  bool with_probs = false, skip = false;
  int32_t blank = 0;
  LexiconFstOptions opts;
  po.RegisterInput("lexicon", &lexicon_name, "pronunciations; several lines for a word of several");
  po.Register("lexicon-probs", &with_probs, "the second field of --lexicon is a probability");
  po.RegisterInput("read-symbol-table", &read_words, "words.txt, as arpa-to-fst writes it");
  po.RegisterOutput("write-symbol-table", &write_words, "words.txt of the words of --lexicon");
  po.Register(
      "space-prob", &opts.separator_prob,
      "probability of the space unit between words; below 1, for models that forget spaces, "
      "words may follow one another without it");
  po.Register("silence-unit", &silence, "unit that may stand before, between and behind words");
  po.Register("silence-prob", &opts.silence_prob, "probability of that in each place");
  po.Register("skip-unknown", &skip, "leave out, and count, words that the units cannot spell");
  po.Register("blank", &blank, "id of the blank among the units");
  po.Register("fst-type", &type, "vector or const");
  if (!po.Parse(argc, argv, 2, 2, InputArgs{1})) return 0;
  const FstFileType file_type = ParseFstFileType(type);
  if (read_words.empty() && (lexicon_name.empty() || write_words.empty())) {
    throw UsageError(
        "give --read-symbol-table, or --lexicon and --write-symbol-table, so that the words have "
        "ids");
  }
  if (!read_words.empty() && !write_words.empty())
    throw UsageError("--read-symbol-table and --write-symbol-table exclude one another");
  if (!(opts.separator_prob > 0 && opts.separator_prob <= 1))
    throw UsageError("--space-prob=", opts.separator_prob, ": must be above 0 and up to 1");
  if (!(opts.silence_prob > 0 && opts.silence_prob < 1))
    throw UsageError("--silence-prob=", opts.silence_prob, ": must be between 0 and 1");

  // Words are cut into units where there is no lexicon; with one, these may be anything: phones.
  const auto tokenizer = lexicon_name.empty() ? OpenTokenizer(po.Arg(0), spelling, true) : nullptr;
  const UnitTable units = tokenizer ? tokenizer->Units() : OpenUnits(po.Arg(0));
  opts.num_tokens = units.Size();
  opts.silence = FindUnit(units, "--silence-unit", silence, po.Arg(0));
  WordTable words;
  Lexicon lexicon;
  int64_t skipped = 0;
  if (!read_words.empty()) words = WordTable::Read(read_words);
  if (!lexicon_name.empty()) {
    lexicon = ReadLexicon(lexicon_name, units, blank, with_probs);
    if (read_words.empty()) {
      for (const Pronunciation &p : lexicon) words.Add(p.word);
      for (const char *symbol : {WordTable::kDisambig, "<s>", "</s>"}) words.Add(symbol);
    } else {
      skipped = RemoveOthers(words, &lexicon);
    }
  } else {
    const Speller spell = [&](const std::vector<std::string> &w) {
      return tokenizer->Encode(w, -1);
    };
    lexicon = SpellLexicon(words, spell, skip, &skipped);
    opts.separator = FindSeparator(lexicon, spell);
    if (opts.separator >= 0 && opts.silence >= 0) {
      throw UsageError("--silence-unit=", silence, " and the unit between words, ",
                       units.Unit(opts.separator), ", cannot both stand there; give --space-unit=");
    }
  }
  if (skipped > 0) LOG_WARN << "left out " << skipped << " words";
  opts.backoff = words.Find(WordTable::kDisambig);
  int32_t num_disambig = 0;
  const fst::StdVectorFst l = MakeLexiconFst(lexicon, words, opts, &num_disambig);
  if (!write_words.empty()) words.Write(write_words);
  WriteFst(l, file_type, po.Arg(1));
  LOG_INFO << "wrote " << lexicon.size() << " pronunciations with " << num_disambig
           << " disambiguation symbols, " << l.NumStates() << " states, to " << po.Arg(1);
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
