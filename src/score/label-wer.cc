#include "score/label-wer.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

// The counts alone: what a part says needs no words.
void AddUtterance(const ScoredUtterance &u, WerResult *part) {
  ScoredUtterance own;
  own.key = u.key;
  own.counts = u.counts;
  own.missing = u.missing;
  part->totals += u.counts;
  part->sentence_errors += u.counts.Errors() > 0;
  part->num_missing += u.missing;
  part->num_empty_ref += u.counts.RefLength() == 0;
  part->num_empty_hyp +=
      u.counts.correct + u.counts.substitutions + u.counts.insertions == 0 && !u.missing;
  part->utterances.push_back(std::move(own));
}

}  // namespace

LabelReport::LabelReport(const std::unordered_map<std::string, std::string> &utt2label,
                         const std::string &file, const WerResult &first, const WerResult *second)
    : has_second_(second != nullptr) {
  std::unordered_map<std::string, Part *> by_label;
  for (size_t i = 0; i < first.utterances.size(); ++i) {
    const ScoredUtterance &u = first.utterances[i];
    const auto found = utt2label.find(u.key);
    if (found == utt2label.end()) {
      throw Error(file, ": no label for utterance ", Printable(u.key, 200),
                  "; every scored utterance needs one");
    }
    Part *&part = by_label[found->second];
    if (part == nullptr) {
      parts_.emplace_back();
      part = &parts_.back();
      part->label = found->second;
    }
    AddUtterance(u, &part->first);
    if (second != nullptr) AddUtterance(second->utterances.at(i), &part->second);
  }
  parts_.sort([](const Part &a, const Part &b) { return a.label < b.label; });
}

void LabelReport::Draw(const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
                       uint64_t seed) {
  for (Part &part : parts_) {
    part.bootstrap = Bootstrap(
        BootstrapUnits(part.first, has_second_ ? &part.second : nullptr, utt2spk), draws, seed);
  }
  drawn_ = true;
}

void LabelReport::AddTo(WerReport *report) const {
  for (const Part &part : parts_) {
    const std::string title = "Label " + part.label;
    const size_t n = part.first.utterances.size();
    report->parts.push_back(
        {"labels", part.label, title, title, Cat(n, n == 1 ? " utterance" : " utterances"),
         &part.first, has_second_ ? &part.second : nullptr, drawn_ ? &part.bootstrap : nullptr});
  }
}

}  // namespace u2moe
