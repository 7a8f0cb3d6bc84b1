#ifndef U2MOE_SCORE_WER_FILES_H_
#define U2MOE_SCORE_WER_FILES_H_

#include <string>
#include <unordered_map>

#include "score/wer-report.h"
#include "util/options.h"

namespace u2moe {

// The files that compute-wer writes beside its summary.
struct WerFiles {
  std::string per_utt, ops, per_spk, pra, html, json;
  std::string edits;  // Kaldi's third argument, no option

  void Register(OptionParser *po);
  // Throws UsageError where speakers are wanted and not given.
  void Check(bool has_speakers) const;
  bool NeedAlignment() const;
  bool UseSpeakers() const { return !per_spk.empty() || !pra.empty(); }
  // Writes those that have a name, each whole or not at all, in a fixed order.
  void Write(const WerReport &report,
             const std::unordered_map<std::string, std::string> &utt2spk) const;
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_FILES_H_
