// Fewer experts than the routers choose, for all mixtures of a model (moe/expert-policy.h says what
// one mixture does): what a model file stores and what a command line asks for.
#ifndef U2MOE_MODEL_EXPERT_OPTIONS_H_
#define U2MOE_MODEL_EXPERT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/model-config.h"

namespace u2moe {

class OptionParser;

// The default is plain: every row works with the K experts of its router.
struct ExpertPolicy {
  // From which first gate on the other experts are skipped, mixture by mixture in the order of
  // RouteSink; above 1: never. Empty: never in all of them.
  std::vector<float> encoder_skip, left_skip, right_skip;
  // Encoder only; 0: no limit. For the rows of each chunk that attention sees. Without chunks
  // there is no limit: the weights of an expert are then read once for all rows of an utterance.
  int32_t chunk_experts = 0, expert_budget = 0;
  // After the first exit_block blocks of the encoder, frames whose blank is at least that probable
  // for the CTC head, fed with the block's output through the final norm, are done with experts:
  // attention and convolution go on, so that their neighbours see them. Above 1: none is.
  float exit_blank = 2;
  int32_t exit_block = 0;
  // Experts that work on a frame or token, in all mixtures that would take more; 0: as many as
  // their configuration says.
  int32_t experts_per_frame = 0;

  bool Exits() const { return exit_blank <= 1; }
  bool Skips() const;
  bool IsPlain() const {
    return !Skips() && chunk_experts == 0 && expert_budget == 0 && !Exits() &&
           experts_per_frame == 0;
  }
  std::string ToString() const;  // one line; "plain" for none
  std::string ToJson() const;
  // Throws DataError that begins with source unless it is a policy for that model.
  static ExpertPolicy FromJson(const std::string &text, const std::string &source,
                               const ModelConfig &config);
};

bool operator==(const ExpertPolicy &a, const ExpertPolicy &b);

// The largest experts_per_frame of a model's mixtures. Throws UsageError that begins with option
// where a model cannot work with fewer: without mixtures, where one expert works on a frame anyway,
// and where the experts of a mixture are not chosen frame by frame (RouterTraits::elastic).
int32_t MostExpertsPerFrame(const ModelConfig &config, const std::string &option);

struct ExpertOptions {
  float skip_second_gate = -1;
  int32_t chunk_experts = -1, expert_budget = -1;
  float exit_blank = -1;
  int32_t exit_block = -1;
  int32_t experts_per_frame = -1;

  void Register(OptionParser *po);
  void RegisterSkip(OptionParser *po);     // what concerns decoders too
  void RegisterEncoder(OptionParser *po);  // the others
  void Check() const;                      // throws UsageError
  // What of the model's own policy the options leave, and what they say, checked. Throws UsageError
  // for a model that cannot do that.
  ExpertPolicy Apply(const ModelConfig &config, ExpertPolicy policy) const;
};

}  // namespace u2moe

#endif  // U2MOE_MODEL_EXPERT_OPTIONS_H_
