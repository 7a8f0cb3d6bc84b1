// What attention-rescore writes: the best hypothesis of each utterance, for one pair of weights or
// for each of a sweep; and the scores that all of them are made of.
#ifndef U2MOE_PIPELINE_RESCORING_OUTPUT_H_
#define U2MOE_PIPELINE_RESCORING_OUTPUT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decode/rescoring.h"
#include "pipeline/nbest-table.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/options.h"

namespace u2moe {

// Lists of weights as "0,0.5" or "0:0.1:1" (first:step:last) or both; "" for none.
struct RescoringSweepOptions {
  std::string ctc_weights, reverse_weights;
  std::string components;  // wspecifier
  std::string lm_scores;   // rspecifier, or "": no scores of a language model

  // From argument `first_result` on (from 0), {ctc} and {reverse} stand for weights: those files
  // are declared as places. po and single live until Parse has returned.
  void Register(OptionParser *po, const RescoringOptions *single, int first_result);
  bool Sweeps() const { return !ctc_weights.empty() || !reverse_weights.empty(); }
};

// The texts of the weights that a list names, as numbers are written. Throws UsageError for what is
// not such a list, for a weight that is there twice, and for more than 400 steps.
std::vector<std::string> ExpandWeights(const std::string &option, const std::string &list);

// One pair of weights, and how they are written in file names: the value of the text on a command
// line is the weight, so a sweep equals single runs.
struct RescoringPoint {
  RescoringOptions weights;
  std::string ctc, reverse;
};

// All pairs of the two lists; a list that is not given is the weight of `single`. One point without
// a sweep. Throws UsageError for what is not a list of weights, repeats one or has over 400 pairs,
// and for the weight of a language model without its scores.
std::vector<RescoringPoint> RescoringPoints(const RescoringSweepOptions &sweep,
                                            const RescoringOptions &single);

// Without a right-to-left decoder, sets the reverse weight to 0 and says so; throws UsageError
// where po was given one. The model is po's first argument.
void FitToModel(bool has_right_to_left, const OptionParser &po, RescoringOptions *opts);

class RescoringOutput {
 public:
  // In a sweep, "{ctc}" and "{reverse}" in the wspecifiers stand for the weights. scores may be "".
  // Throws UsageError where two points would go to one file, and for a reverse weight above 0 if
  // the model has no right-to-left decoder.
  RescoringOutput(const RescoringSweepOptions &sweep, const RescoringOptions &single,
                  bool has_right_to_left, const std::string &tokens, const std::string &scores);

  // What Write needs of the scores of an utterance: all of them for the components, else those of
  // the hypotheses that can win at some point.
  std::vector<RescoredHypothesis> Score(const Scorer &scorer, ConstView encoder_out,
                                        const NbestList &nbest) const;
  // `scored` as Score returned it. Throws DataError for a total that is NaN at any point; then
  // nothing is written. Components are keyed <utterance>-<n>: left to right, CTC, and right to left
  // if the model has that.
  void Write(const std::string &utterance, const NbestList &nbest,
             const std::vector<RescoredHypothesis> &scored);
  // The decoder rows of what was written if each hypothesis were read alone, in all directions that
  // count.
  int64_t NumRows() const { return num_rows_; }
  void Close();
  // Says in the log how often another hypothesis than the first won.
  void LogChanges(int64_t num_utterances) const;
  // The weights; in a sweep how many pairs.
  std::string ToString() const;

 private:
  struct Point {
    RescoringPoint point;
    std::unique_ptr<Int32VectorWriter> tokens;
    std::unique_ptr<VectorWriter> scores;
    int64_t changed = 0;
  };
  std::vector<Point> points_;
  std::unique_ptr<DoubleVectorWriter> components_;
  int64_t num_rows_ = 0;
  bool right_to_left_ = false;  // those scores are needed: by a weight, or for the components
};

}  // namespace u2moe

#endif  // U2MOE_PIPELINE_RESCORING_OUTPUT_H_
