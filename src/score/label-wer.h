// Error rates by a label of the utterances: language, speaker, noise, length class.
#ifndef U2MOE_SCORE_LABEL_WER_H_
#define U2MOE_SCORE_LABEL_WER_H_

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "score/bootstrap.h"
#include "score/wer-report.h"
#include "score/wer.h"

namespace u2moe {

// Parts of one or two results, label by label in the order of the labels' bytes. It must outlive
// the report that it is added to.
class LabelReport {
 public:
  // second: null, or another result of the same utterances. Throws Error for an utterance without a
  // label, naming it and `file`; utterances of the map that were not scored are passed over.
  LabelReport(const std::unordered_map<std::string, std::string> &utt2label,
              const std::string &file, const WerResult &first, const WerResult *second);
  // Adds intervals, drawn as those of the whole.
  void Draw(const std::unordered_map<std::string, std::string> &utt2spk, int64_t draws,
            uint64_t seed);
  void AddTo(WerReport *report) const;

 private:
  struct Part {
    std::string label;
    WerResult first, second;
    BootstrapResult bootstrap;
  };
  std::list<Part> parts_;
  bool has_second_, drawn_ = false;
};

}  // namespace u2moe

#endif  // U2MOE_SCORE_LABEL_WER_H_
