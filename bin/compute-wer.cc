#include <iostream>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/main.h"
#include "score/biased-wer.h"
#include "score/wer-report.h"
#include "score/wer.h"
#include "util/io.h"
#include "util/options.h"
#include "util/places.h"
#include "util/text.h"

namespace u2moe {
namespace {

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Word or character error rate of hypotheses against references: Kaldi's summary lines on "
      "stdout.\n\n"
      "Usage: compute-wer [options] <ref-rspecifier> <hyp-rspecifier> [<edits-wxfilename>]\n"
      "  The edits: 'correct a', 'substitution a b', 'deletion a' or 'insertion b' for every word, "
      "as Kaldi writes them; on standard output they stand before the summary.\n"
      "  e.g. compute-wer --bootstrap ark:data/test/text ark:exp/hyp.txt\n"
      "       compute-wer --text ark:data/test/text ark:exp/hyp.txt - | sort | uniq -c\n"
      "       compute-wer --compare=ark:exp/other/hyp.txt ark:data/test/text ark:exp/hyp.txt\n");
  WerOptions opts;
  opts.Register(&po);
  bool bootstrap = false;
  int64_t draws = 0, seed = 1;
  std::string utt2spk_file, per_utt, json, compare, biased_words;
  po.Register("bootstrap", &bootstrap, "also print the 95 % interval of the error rate");
  po.Register("bootstrap-draws", &draws,
              "how often the test set is drawn again; 0: 10000, fewer for over 10000 utterances");
  po.Register("seed", &seed, "seed of the bootstrap");
  po.RegisterInput(
      "utt2spk", &utt2spk_file,
      "file with the speaker of each utterance: the bootstrap draws speakers, not utterances");
  po.RegisterOutput("per-utt", &per_utt, "file for the alignment and counts of each utterance");
  po.RegisterOutput("json", &json, "file for all results as JSON");
  po.RegisterInput(
      "compare", &compare,
      "rspecifier of a second hypothesis: print its error rate and the difference with an "
      "interval (paired bootstrap)");
  po.RegisterInput("biased-words", &biased_words,
                   "file with one word or phrase per line, as hot words are listed: also print the "
                   "error rates on these words (B-WER) and on all others (U-WER)");
  po.RegisterUnused("text", false, "words and numbers are both read as text, as in Kaldi");
  po.AddPlaces([&po](Places *places) {
    if (po.OptionalArg(2) != "-") places->Print("the summary");
  });
  if (!po.Parse(argc, argv, 2, 3, InputArgs{2})) return 0;
  const std::string edits = po.OptionalArg(2);
  opts.Check();
  if (draws < 0) throw UsageError("--bootstrap-draws=", draws, ": must not be negative");
  bootstrap = bootstrap || !compare.empty();
  if (!utt2spk_file.empty() && !bootstrap) throw UsageError("--utt2spk needs --bootstrap");
  if (!biased_words.empty() && opts.Unit() != ScoreUnit::kWord) {
    throw UsageError("--biased-words counts words; leave --cer and --char out");
  }

  LOG_INFO << opts.ToString();
  const std::vector<Transcript> refs = ReadTranscripts(po.Arg(0));
  const bool align = !per_utt.empty() || !edits.empty() || !biased_words.empty();
  const WerResult first = ScoreTranscripts(refs, ReadTranscripts(po.Arg(1)), opts, align);
  WerReport report;
  report.opts = opts;
  report.first = &first;
  WerResult second;
  if (!compare.empty()) {
    second = ScoreTranscripts(refs, ReadTranscripts(compare), opts, !biased_words.empty());
    report.second = &second;
  }
  std::optional<BiasedReport> biased;
  if (!biased_words.empty()) {
    biased.emplace(BiasedWords(biased_words, opts.Normalizer()), first, report.second);
  }
  BootstrapResult intervals;
  if (bootstrap) {
    std::unordered_map<std::string, std::string> utt2spk;
    if (!utt2spk_file.empty()) utt2spk = ReadMap(utt2spk_file);
    if (!utt2spk_file.empty() && utt2spk.empty()) {
      throw Error(utt2spk_file, ": no utterances; expected lines of an utterance and its speaker");
    }
    const std::vector<BootstrapUnit> units = BootstrapUnits(first, report.second, utt2spk);
    report.seed = static_cast<uint64_t>(seed);
    intervals = Bootstrap(units, draws, report.seed);
    if (biased) biased->Draw(utt2spk, draws, report.seed);
    report.bootstrap = &intervals;
    report.drawn = Cat(units.size(), utt2spk_file.empty() ? " utterances" : " speakers");
    if (units.size() < 5) {
      LOG_WARN << "an interval over only " << report.drawn << " says little";
    }
  }
  if (biased) biased->AddTo(&report);
  if (!per_utt.empty()) {
    Output out(per_utt);
    WritePerUtterance(out.Stream(), first);
    out.Close();
  }
  if (!json.empty()) {
    Output out(json);
    WriteWerJson(out.Stream(), report);
    out.Close();
  }
  if (!edits.empty()) {
    Output out(edits);
    WriteEdits(out.Stream(), first, ParseAlignRule(opts.align));
    out.Close();
  }
  WriteWerText(std::cout, report);
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
