#include "score/wer.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "base/log.h"
#include "table/text-tables.h"
#include "util/text-watch.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Numbers for words, so that the aligner compares integers.
class Vocabulary {
 public:
  void Map(const std::vector<std::string> &words, std::vector<int32_t> *ids) {
    ids->clear();
    for (const std::string &w : words) {
      ids->push_back(ids_.try_emplace(w, static_cast<int32_t>(ids_.size())).first->second);
    }
  }

 private:
  std::unordered_map<std::string, int32_t> ids_;
};

// The words composed (NFC); those that are not UTF-8 as they are.
std::vector<std::string> Compose(std::vector<std::string> words) {
  for (std::string &word : words) {
    if (!IsAscii(word) && IsValidUtf8(word)) word = ToNfc(word);
  }
  return words;
}

// Counts errors that are none once reference and hypothesis are composed.
class CompositionErrors {
 public:
  CompositionErrors(ScoreUnit unit, AlignRule rule) : unit_(unit), aligner_(rule) {}

  void Look(const std::string &key, const std::vector<std::string> &ref,
            const std::vector<std::string> &hyp, int64_t errors) {
    const auto is_ascii = [](const std::string &word) { return IsAscii(word); };
    if (errors == 0 || (std::all_of(ref.begin(), ref.end(), is_ascii) &&
                        std::all_of(hyp.begin(), hyp.end(), is_ascii))) {
      return;
    }
    const std::vector<std::string> new_ref = Compose(ref), new_hyp = Compose(hyp);
    if (new_ref == ref && new_hyp == hyp) return;
    vocabulary_.Map(SplitIntoUnits(new_ref, unit_), &ref_ids_);
    vocabulary_.Map(SplitIntoUnits(new_hyp, unit_), &hyp_ids_);
    const int64_t fewer = errors - aligner_.Align(ref_ids_, hyp_ids_).Errors();
    if (fewer <= 0) return;
    if (count_ == 0) first_ = key;
    count_ += fewer;
  }

  void Report() const {
    if (count_ == 0) return;
    LOG_WARN << count_
             << " errors are of composition only, as U+00E9 against e with U+0301, first in "
             << "utterance " << first_ << "; --normalize=nfc composes both sides";
  }

 private:
  ScoreUnit unit_;
  Aligner aligner_;
  Vocabulary vocabulary_;
  std::vector<int32_t> ref_ids_, hyp_ids_;
  std::string first_;
  int64_t count_ = 0;
};

// "a, b, c and 7 more"
std::string SomeKeys(const std::vector<const std::string *> &keys) {
  constexpr size_t kShown = 5;
  std::string s;
  for (size_t i = 0; i < keys.size() && i < kShown; ++i)
    s += (i ? ", " : "") + Printable(*keys[i], 200);
  if (keys.size() > kShown) s += Cat(" and ", keys.size() - kShown, " more");
  return s;
}

}  // namespace

void WerOptions::RegisterMode(OptionParser *po) {
  po->Register(
      "mode", &mode,
      "utterances in only one of the tables: strict (an error), present (references without "
      "hypothesis are left out), all (they count as empty hypotheses)");
}

void WerOptions::Register(OptionParser *po) {
  RegisterMode(po);
  po->Register(
      "align", &align,
      "kaldi: minimum edit distance, costs 1/1/1; sclite: costs 4/3/3 as NIST's tool, whose "
      "totals can be higher; kaldi-text: as kaldi, but of equal alignments the one of Kaldi's "
      "align-text, which its wer_details come from");
  normalize.Register(po, "both sides before comparing");
  po->Register("cer", &cer, "count characters, and the single spaces between words");
  po->Register("char", &chars, "count characters without spaces");
}

void WerOptions::Check() const {
  if (mode != "strict" && mode != "present" && mode != "all") {
    throw UsageError("--mode=", mode, ": unknown; known modes are strict, present, all");
  }
  ParseAlignRule(align);
  Normalizer();
  if (cer && chars) throw UsageError("--cer counts spaces and --char does not; give one of them");
}

const TextNormalizer &WerOptions::Normalizer() const {
  const std::string key = Cat(normalize.normalize, "\n", normalize.normalize_map);
  if (normalizer_ == nullptr || made_from_ != key) {
    normalizer_ = std::make_shared<TextNormalizer>(normalize.Make());
    made_from_ = key;
  }
  return *normalizer_;
}

ScoreUnit WerOptions::Unit() const {
  return cer ? ScoreUnit::kCharAndSpace : chars ? ScoreUnit::kChar : ScoreUnit::kWord;
}

std::string WerOptions::UnitName() const {
  return cer ? "characters and spaces" : chars ? "characters" : "words";
}

std::string WerOptions::RateName() const { return cer || chars ? "CER" : "WER"; }

std::string WerOptions::ToString() const {
  return Cat("counting ", UnitName(), ", alignment ", align, ", normalisation ",
             Normalizer().Label(), ", mode ", mode);
}

std::vector<Transcript> ReadTranscripts(const std::string &rspecifier) {
  std::vector<Transcript> result;
  SequentialTranscriptReader reader(rspecifier);
  TextWatch watch(rspecifier);
  Sightings not_utf8;
  for (; !reader.Done(); reader.Next()) {
    watch.Look(reader.Key(), reader.Value());
    if (!IsValidUtf8(reader.Value())) not_utf8.Add("text that is not UTF-8", reader.Key());
    result.push_back({reader.Key(), SplitWords(reader.Value())});
  }
  std::unordered_set<std::string_view> seen;
  seen.reserve(result.size());
  for (const Transcript &t : result) {
    if (!seen.insert(t.key).second) {
      throw Error(rspecifier, ": utterance ", Printable(t.key, 200),
                  " occurs twice; keep one of them");
    }
  }
  reader.Close();
  watch.Report();
  not_utf8.Log(rspecifier, "is compared byte by byte:", true);
  return result;
}

std::vector<Transcript> WithTranscripts(
    const std::vector<Transcript> &refs,
    const std::vector<const std::vector<Transcript> *> &others) {
  std::unordered_map<std::string_view, size_t> count;  // of the tables that have the key
  for (const std::vector<Transcript> *other : others) {
    for (const Transcript &t : *other) ++count[t.key];
  }
  std::vector<Transcript> result;
  std::vector<const std::string *> missing;
  for (const Transcript &t : refs) {
    const auto found = count.find(t.key);
    if (found != count.end() && found->second == others.size()) {
      result.push_back(t);
    } else {
      missing.push_back(&t.key);
    }
  }
  if (!missing.empty()) {
    LOG_WARN << missing.size() << " of " << refs.size() << " references lack a hypothesis ("
             << SomeKeys(missing) << ") and are left out";
  }
  return result;
}

double ErrorPercent(int64_t errors, int64_t units) {
  if (units == 0) return errors == 0 ? 0 : std::numeric_limits<double>::infinity();
  return 100.0 * static_cast<double>(errors) / static_cast<double>(units);
}

WerResult ScoreTranscripts(const std::vector<Transcript> &refs, const std::vector<Transcript> &hyps,
                           const WerOptions &opts, bool keep_alignment) {
  opts.Check();
  std::unordered_map<std::string_view, size_t> index_of;
  index_of.reserve(hyps.size());
  for (size_t i = 0; i < hyps.size(); ++i) index_of.emplace(hyps[i].key, i);
  std::vector<const Transcript *> hyp_of(refs.size(), nullptr);
  std::vector<bool> used(hyps.size(), false);
  std::vector<const std::string *> missing, extra;
  for (size_t i = 0; i < refs.size(); ++i) {
    const auto found = index_of.find(refs[i].key);
    if (found == index_of.end()) {
      missing.push_back(&refs[i].key);
    } else {
      hyp_of[i] = &hyps[found->second];
      used[found->second] = true;
    }
  }
  for (size_t i = 0; i < hyps.size(); ++i) {
    if (!used[i]) extra.push_back(&hyps[i].key);
  }
  const std::string problem =
      Cat(missing.size(), " of ", refs.size(), " references have no hypothesis",
          missing.empty() ? "" : " (" + SomeKeys(missing) + ")", "; ", extra.size(), " of ",
          hyps.size(), " hypotheses have no reference",
          extra.empty() ? "" : " (" + SomeKeys(extra) + ")");
  if (!missing.empty() || !extra.empty()) {
    if (opts.mode == "strict") {
      throw Error(problem, "; complete the tables, or give --mode=present or --mode=all");
    }
    LOG_WARN << problem;
  }

  WerResult result;
  result.num_missing = static_cast<int64_t>(missing.size());
  result.num_extra = static_cast<int64_t>(extra.size());
  const TextNormalizer &normalizer = opts.Normalizer();
  const ScoreUnit unit = opts.Unit();
  Aligner aligner(ParseAlignRule(opts.align));
  Vocabulary vocabulary;
  std::vector<int32_t> ref_ids, hyp_ids;
  const bool as_it_is = unit == ScoreUnit::kWord && normalizer.Empty();
  CompositionErrors composition(unit, ParseAlignRule(opts.align));
  const std::vector<std::string> no_words;
  result.utterances.reserve(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    const Transcript &r = refs[i];
    if (!hyp_of[i] && opts.mode == "present") continue;
    ScoredUtterance u;
    u.key = r.key;
    u.missing = !hyp_of[i];
    const std::vector<std::string> *ref = &r.words,
                                   *hyp = hyp_of[i] ? &hyp_of[i]->words : &no_words;
    std::vector<std::string> ref_units, hyp_units;
    if (!as_it_is) {
      const char *side = "reference";
      try {
        ref_units = SplitIntoUnits(normalizer.Apply(*ref), unit);
        side = "hypothesis";
        hyp_units = SplitIntoUnits(normalizer.Apply(*hyp), unit);
      } catch (const DataError &e) {
        throw DataError("utterance ", r.key, ", ", side, ": ", e.what());
      }
      ref = &ref_units;
      hyp = &hyp_units;
    }
    vocabulary.Map(*ref, &ref_ids);
    vocabulary.Map(*hyp, &hyp_ids);
    u.counts = aligner.Align(ref_ids, hyp_ids, keep_alignment ? &u.edits : nullptr);
    if (normalizer.Empty()) {
      composition.Look(r.key, r.words, hyp_of[i] ? hyp_of[i]->words : no_words, u.counts.Errors());
    }
    if (keep_alignment) {
      u.ref = *ref;
      u.hyp = *hyp;
    }
    result.num_empty_ref += ref->empty();
    result.num_empty_hyp += hyp->empty() && !u.missing;
    result.totals += u.counts;
    // As Kaldi: a missing utterance whose reference is empty has no error.
    result.sentence_errors += u.counts.Errors() > 0;
    result.utterances.push_back(std::move(u));
  }
  if (result.utterances.empty()) {
    throw Error("no utterance to score: ", problem, "; do the two tables belong together?");
  }
  composition.Report();
  if (result.num_empty_ref + result.num_empty_hyp > 0) {
    LOG_INFO << result.num_empty_ref << " references and " << result.num_empty_hyp
             << " hypotheses of " << result.utterances.size() << " are empty";
  }
  if (result.totals.RefLength() == 0) {
    LOG_WARN << "all " << result.utterances.size()
             << " references are empty: there is no error rate";
  }
  return result;
}

std::vector<BootstrapUnit> BootstrapUnits(
    const WerResult &first, const WerResult *second,
    const std::unordered_map<std::string, std::string> &utt2spk) {
  const char *const remedy = "; both hypotheses must be scored on the same utterances";
  if (second && second->utterances.size() != first.utterances.size()) {
    throw Error("the first hypothesis has ", first.utterances.size(),
                " scored utterances, the second ", second->utterances.size(), remedy);
  }
  std::vector<BootstrapUnit> units;
  std::unordered_map<std::string, size_t> unit_of_speaker;
  for (size_t i = 0; i < first.utterances.size(); ++i) {
    const ScoredUtterance &u = first.utterances[i];
    size_t k = units.size();
    if (!utt2spk.empty()) {
      const auto speaker = utt2spk.find(u.key);
      if (speaker == utt2spk.end()) throw Error("utterance ", u.key, " is not in --utt2spk");
      k = unit_of_speaker.emplace(speaker->second, k).first->second;
    }
    if (k == units.size()) units.emplace_back();
    units[k].errors += u.counts.Errors();
    units[k].words += u.counts.RefLength();
    if (second) {
      const ScoredUtterance &v = second->utterances[i];
      if (v.key != u.key || v.counts.RefLength() != u.counts.RefLength()) {
        throw Error("utterance ", u.key, " of the first hypothesis faces ", v.key, " of the second",
                    remedy);
      }
      units[k].errors2 += v.counts.Errors();
    }
  }
  return units;
}

}  // namespace u2moe
