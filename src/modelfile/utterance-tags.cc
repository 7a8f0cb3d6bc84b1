#include "modelfile/utterance-tags.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "moe/router-registry.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {

int32_t NumTagPools(const ModelConfig &config) {
  int32_t pools = 0;
  config.ForEachMixture([&](const FeedForwardConfig &c) {
    if (!RouterTraitsOf(c.router).needs_tags) return;
    if (pools > 0 && pools != c.router_pools) {
      throw UsageError("mixtures with router-pools=", pools,
                       " and with router-pools=", c.router_pools,
                       ": a model has one list of tags; give the same number");
    }
    pools = c.router_pools;
  });
  return pools;
}

void RegisterTags(OptionParser *po, std::string *rspecifier) {
  po->RegisterInput("tags", rspecifier,
                    "rspecifier of a tag per utterance, such as ark:utt2lang; for models whose "
                    "experts are in pools by tag (router=tag-pools)");
}

UtteranceTags::UtteranceTags(const std::string &rspecifier, const ModelConfig &config,
                             std::vector<std::string> names)
    : num_pools_(NumTagPools(config)), names_(std::move(names)) {
  if (num_pools_ == 0 && !rspecifier.empty()) {
    throw UsageError("--tags=", rspecifier,
                     ": no router of the model looks at tags (router=tag-pools does); drop it");
  }
  if (num_pools_ == 0) return;
  if (rspecifier.empty()) {
    throw UsageError("the model's experts are in ", num_pools_,
                     " pools by tag (router=tag-pools): give --tags, a table such as ark:utt2lang",
                     names_.empty() ? "" : ", with the tags ", Join(names_, ", "));
  }
  reader_ = std::make_unique<RandomAccessTokenVectorReader>(rspecifier);
}

int32_t UtteranceTags::Of(const std::string &key) {
  if (reader_ == nullptr) return -1;
  if (!reader_->HasKey(key)) throw DataError("there is no tag of ", key, " in --tags");
  const std::string tag = Join(reader_->Value(key), " ");
  const auto it = std::find(names_.begin(), names_.end(), tag);
  if (it == names_.end()) {
    throw DataError("the tag '", Printable(tag, 80), "' of ", key,
                    " is none that the model was trained with (", Join(names_, ", "),
                    "); map it to one of these in the table of --tags");
  }
  const auto number = it - names_.begin();
  if (!seen_.empty()) seen_[static_cast<size_t>(number)] = true;
  return static_cast<int32_t>(number);
}

void UtteranceTags::Learn() {
  if (reader_ == nullptr || !names_.empty()) return;
  std::set<std::string> tags;
  for (const std::string &key : reader_->Keys()) tags.insert(Join(reader_->Value(key), " "));
  names_.assign(tags.begin(), tags.end());
  if (static_cast<int32_t>(names_.size()) > num_pools_) {
    throw UsageError("--tags holds ", names_.size(), " tags (", Printable(Join(names_, ", "), 200),
                     ") for a model with router-pools=", num_pools_,
                     "; make a model with as many pools as tags");
  }
  seen_.assign(names_.size(), false);
}

void UtteranceTags::CheckSeen() const {
  for (size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i]) continue;
    throw UsageError("--tags holds the tag '", Printable(names_[i], 80),
                     "', but no training utterance has it, so nothing would train its experts; "
                     "give a table of the training utterances, and of others with the same tags");
  }
}

}  // namespace u2moe
