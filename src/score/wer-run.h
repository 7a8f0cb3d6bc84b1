#ifndef U2MOE_SCORE_WER_RUN_H_
#define U2MOE_SCORE_WER_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "score/biased-wer.h"
#include "score/label-wer.h"
#include "score/wer-comparison.h"
#include "score/wer-report.h"
#include "score/wer.h"
#include "util/options.h"

namespace u2moe {

// What compute-wer looks at beside the error rate.
struct WerRunOptions {
  bool bootstrap = false;  // on where there is something to compare
  int64_t draws = 0, seed = 1;
  std::string utt2spk, utt2label, biased_words;
  std::vector<std::string> compare;

  void Register(OptionParser *po);
  // Throws UsageError. speakers_used: whether something else than the bootstrap goes by speakers.
  void Check(const WerOptions &opts, bool speakers_used) const;
};

// One test set scored: reads all tables and files when made, and holds what its report points to.
class WerRun {
 public:
  // align: keep the alignment of the first hypothesis. Throws what reading, ScoreTranscripts,
  // BootstrapUnits and the parts throw.
  WerRun(const WerOptions &opts, const WerRunOptions &run, const std::string &ref_rspecifier,
         const std::string &hyp_rspecifier, bool align);
  WerRun(const WerRun &) = delete;
  WerRun &operator=(const WerRun &) = delete;

  const WerReport &Report() const { return report_; }
  const std::unordered_map<std::string, std::string> &Utt2Spk() const { return utt2spk_; }

 private:
  std::unordered_map<std::string, std::string> utt2spk_;
  WerResult first_;
  std::vector<WerComparison> others_;
  BootstrapResult bootstrap_;
  std::optional<BiasedReport> biased_;
  std::optional<LabelReport> labels_;
  WerReport report_;
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_RUN_H_
