// Tags of utterances (languages, corpora, kinds of speech) for models whose experts are in pools by
// tag; --tags of the tools.
#ifndef U2MOE_MODELFILE_UTTERANCE_TAGS_H_
#define U2MOE_MODELFILE_UTTERANCE_TAGS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/model-config.h"
#include "table/text-tables.h"

namespace u2moe {

class OptionParser;

// How many tags the routers of a model tell apart; 0: they need none. Throws UsageError where
// mixtures have different numbers of pools.
int32_t NumTagPools(const ModelConfig &config);

// The option --tags.
void RegisterTags(OptionParser *po, std::string *rspecifier);

// The tags of a table, such as ark:utt2lang, as numbers of a model's tags.
class UtteranceTags {
 public:
  // rspecifier: of the option --tags, "" where it was not given. names: ModelInfo::tags. Throws
  // UsageError for a model that needs tags and gets none, or does not need them and gets them.
  UtteranceTags(const std::string &rspecifier, const ModelConfig &config,
                std::vector<std::string> names);

  // For a model that was not trained yet: its tags are those of the table, sorted. Nothing for one
  // that has some. Throws UsageError where there are more than pools.
  void Learn();
  // When the training utterances have been asked for: throws UsageError where Learn() took a tag
  // from the table that none of them has, as nothing would train its pool.
  void CheckSeen() const;
  const std::vector<std::string> &Names() const { return names_; }
  // The number of the utterance's tag; -1 for models without pools. Throws DataError for an
  // utterance that has no tag, and for a tag that is not the model's.
  int32_t Of(const std::string &key);

 private:
  int32_t num_pools_;
  std::vector<std::string> names_;
  std::vector<bool> seen_;  // of names_, where they were learnt; else empty
  std::unique_ptr<RandomAccessTokenVectorReader> reader_;
};

}  // namespace u2moe

#endif  // U2MOE_MODELFILE_UTTERANCE_TAGS_H_
