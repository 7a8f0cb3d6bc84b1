#include "score/biased-wer.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
BiasedWords::BiasedWords(const std::string &rxfilename, const TextNormalizer &normalizer) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::string line;
  for (int64_t number = 1; std::getline(input.Stream(), line); ++number) {
    if (!IsValidUtf8(line)) {
      throw Error(rxfilename, ":", number, ": not UTF-8: ", Printable(line),
                  "; expected one word or phrase per line");
    }
    const std::vector<std::string> words =
        normalizer.Apply(SplitWords(std::string_view(line).substr(0, line.find('\t'))));
    if (!words.empty()) Add(words);
  }
  input.Close();
  if (num_phrases_ == 0) {
    throw Error(rxfilename, ": no phrases; expected one word or phrase per line");
  }
}

BiasedWords::BiasedWords(const std::vector<std::vector<std::string>> &phrases) {
  for (const auto &phrase : phrases) Add(phrase);
}

void BiasedWords::Add(const std::vector<std::string> &phrase) {
  CHECK(!phrase.empty());
  std::vector<std::vector<std::string>> &same = by_first_[phrase[0]];
  if (std::find(same.begin(), same.end(), phrase) != same.end()) return;
  same.push_back(phrase);
  ++num_phrases_;
}

std::vector<bool> BiasedWords::Mark(const std::vector<std::string> &words) const {
  std::vector<bool> marked(words.size(), false);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto found = by_first_.find(words[i]);
    if (found == by_first_.end()) continue;
    for (const std::vector<std::string> &phrase : found->second) {
      if (phrase.size() > words.size() - i ||
          !std::equal(phrase.begin(), phrase.end(), words.begin() + static_cast<std::ptrdiff_t>(i)))
        continue;
      std::fill_n(marked.begin() + static_cast<std::ptrdiff_t>(i), phrase.size(), true);
    }
  }
  return marked;
}

namespace {

void AddEdit(Edit edit, EditCounts *counts) {
  switch (edit) {
    case Edit::kCorrect:
      ++counts->correct;
      break;
    case Edit::kSubstitution:
      ++counts->substitutions;
      break;
    case Edit::kDeletion:
      ++counts->deletions;
      break;
    case Edit::kInsertion:
      ++counts->insertions;
      break;
  }
}

void AddUtterance(const ScoredUtterance &u, const EditCounts &counts, WerResult *part) {
  ScoredUtterance own;
  own.key = u.key;
  own.missing = u.missing;
  own.counts = counts;
  part->totals += counts;
  part->sentence_errors += counts.Errors() > 0;
  part->utterances.push_back(std::move(own));
}

}  // namespace

BiasedParts SplitBiased(const WerResult &aligned, const BiasedWords &words) {
  BiasedParts parts;
  for (const ScoredUtterance &u : aligned.utterances) {
    const std::vector<bool> ref = words.Mark(u.ref), hyp = words.Mark(u.hyp);
    EditCounts listed, others;
    size_t i = 0, j = 0;
    for (const Edit edit : u.edits) {
      const bool is_listed = edit == Edit::kInsertion ? hyp.at(j) : ref.at(i);
      AddEdit(edit, is_listed ? &listed : &others);
      i += edit != Edit::kInsertion;
      j += edit != Edit::kDeletion;
    }
    EditCounts sum = listed;
    sum += others;
    CHECK(sum == u.counts) << "the result has no alignment";
    AddUtterance(u, listed, &parts.biased);
    AddUtterance(u, others, &parts.unbiased);
  }
  return parts;
}

BiasedReport::BiasedReport(const BiasedWords &words, const WerResult &first,
                           const WerResult *second)
    : num_phrases_(words.NumPhrases()), first_(SplitBiased(first, words)) {
  if (second != nullptr) second_ = std::make_unique<BiasedParts>(SplitBiased(*second, words));
}

void BiasedReport::Draw(const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
                        uint64_t seed) {
  const auto draw = [&](const WerResult &first, const WerResult *second) {
    return Bootstrap(BootstrapUnits(first, second, utt2spk), draws, seed);
  };
  biased_ = draw(first_.biased, second_ ? &second_->biased : nullptr);
  unbiased_ = draw(first_.unbiased, second_ ? &second_->unbiased : nullptr);
  drawn_ = true;
}

void BiasedReport::AddTo(WerReport *report) const {
  report->num_phrases = num_phrases_;
  const auto add = [&](const char *name, const std::string &rate, const WerResult &first,
                       const WerResult *second, const BootstrapResult &bootstrap) {
    report->parts.push_back({"", name, "%" + rate, rate, Cat(num_phrases_, " phrases"), &first,
                             second, drawn_ ? &bootstrap : nullptr});
  };
  add("biased", "B-WER", first_.biased, second_ ? &second_->biased : nullptr, biased_);
  add("unbiased", "U-WER", first_.unbiased, second_ ? &second_->unbiased : nullptr, unbiased_);
}

}  // namespace u2moe
