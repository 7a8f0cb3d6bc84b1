#include "score/wer-run.h"

#include <cstddef>

#include "base/error.h"
#include "base/log.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::unordered_map<std::string, std::string> ReadUtteranceMap(const std::string &file,
                                                              const char *what) {
  std::unordered_map<std::string, std::string> map;
  if (file.empty()) return map;
  map = ReadMap(file);
  if (map.empty()) {
    throw Error(file, ": no utterances; expected lines of an utterance and its ", what);
  }
  return map;
}

}  // namespace

void WerRunOptions::Register(OptionParser *po) {
  po->Register("bootstrap", &bootstrap, "also print the 95 % interval of the error rate");
  po->Register("bootstrap-draws", &draws,
               "how often the test set is drawn again; 0: 10000, fewer for over 10000 utterances");
  po->Register("seed", &seed, "seed of the bootstrap");
  po->RegisterInput("utt2spk", &utt2spk,
                    "file with the speaker of each utterance: the bootstrap draws speakers, not "
                    "utterances; --per-spk and --pra go by them");
  po->RegisterInput("utt2label", &utt2label,
                    "file with a label of each utterance, such as its language: also print the "
                    "error rate of each label");
  po->RegisterInputs(
      "compare", &compare,
      "rspecifier of another hypothesis: print its error rate and the difference with an interval "
      "(paired bootstrap) and sc_stats' matched pairs test; several times for several, with "
      "p-values by Holm's correction");
  po->RegisterInput("biased-words", &biased_words,
                    "file with one word or phrase per line, as hot words are listed: also print "
                    "the error rates on these words (B-WER) and on all others (U-WER)");
}

void WerRunOptions::Check(const WerOptions &opts, bool speakers_used) const {
  if (draws < 0) throw UsageError("--bootstrap-draws=", draws, ": must not be negative");
  if (!utt2spk.empty() && !bootstrap && compare.empty() && !speakers_used) {
    throw UsageError("--utt2spk needs --bootstrap, --per-spk or --pra");
  }
  if (!biased_words.empty() && opts.Unit() != ScoreUnit::kWord) {
    throw UsageError("--biased-words counts words; leave --cer and --char out");
  }
}

WerRun::WerRun(const WerOptions &opts, const WerRunOptions &run, const std::string &ref_rspecifier,
               const std::string &hyp_rspecifier, bool align) {
  const std::vector<Transcript> refs = ReadTranscripts(ref_rspecifier);
  align = align || !run.compare.empty() || !run.biased_words.empty();
  first_ = ScoreTranscripts(refs, ReadTranscripts(hyp_rspecifier), opts, align);
  for (const std::string &name : run.compare) {
    others_.emplace_back();
    others_.back().name = name;
    others_.back().result = ScoreTranscripts(refs, ReadTranscripts(name), opts, true);
  }
  report_.opts = opts;
  report_.name = hyp_rspecifier;
  report_.first = &first_;
  report_.others = &others_;
  report_.seed = static_cast<uint64_t>(run.seed);
  utt2spk_ = ReadUtteranceMap(run.utt2spk, "speaker");
  const bool draw = run.bootstrap || !others_.empty();
  if (draw) {
    CompareSystems(first_, utt2spk_, run.draws, report_.seed, &others_);
    const std::vector<BootstrapUnit> units = BootstrapUnits(first_, nullptr, utt2spk_);
    // The draws are the same whatever is compared.
    bootstrap_ =
        others_.empty() ? Bootstrap(units, run.draws, report_.seed) : others_.front().bootstrap;
    report_.bootstrap = &bootstrap_;
    report_.drawn = Cat(units.size(), utt2spk_.empty() ? " utterances" : " speakers");
    if (units.size() < 5) {
      LOG_WARN << "an interval over only " << report_.drawn << " says little";
    }
  }
  // Parts are compared with one other hypothesis; of several, the first stands alone.
  const WerResult *second = others_.size() == 1 ? &others_.front().result : nullptr;
  if (!run.biased_words.empty()) {
    biased_.emplace(BiasedWords(run.biased_words, opts.Normalizer()), first_, second);
    if (draw) biased_->Draw(utt2spk_, run.draws, report_.seed);
    biased_->AddTo(&report_);
  }
  if (!run.utt2label.empty()) {
    labels_.emplace(ReadUtteranceMap(run.utt2label, "label"), run.utt2label, first_, second);
    if (draw) labels_->Draw(utt2spk_, run.draws, report_.seed);
    labels_->AddTo(&report_);
  }
}

}  // namespace u2moe
