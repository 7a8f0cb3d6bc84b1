#include "moe/router-registry.h"

#include <type_traits>

#include "moe/router-noisy-topk.h"
#include "moe/router-read-me.h"
#include "moe/router-rmoe.h"
#include "moe/router-segment.h"
#include "moe/router-shared-topk.h"
#include "moe/router-speech-moe.h"
#include "moe/router-switch.h"
#include "moe/router-topk-softmax.h"

namespace u2moe {
namespace {

template <class T>
std::unique_ptr<Router> Make(const RouterConfig &config, MixtureShared *shared) {
  if constexpr (T::kTraits.shared) {
    return std::make_unique<T>(config, shared);
  } else {
    return std::make_unique<T>(config);
  }
}

struct Row {
  const char *name;
  const RouterTraits *traits;
  std::unique_ptr<Router> (*make)(const RouterConfig &config, MixtureShared *shared);
};

template <class T>
constexpr Row RowOf(const char *name) {
  return {name, &T::kTraits, Make<T>};
}

// Adding a router is its own files and one row here.
constexpr Row kRouters[] = {
    RowOf<TopKSoftmaxRouter>("topk-softmax"),
    RowOf<SwitchRouter>("switch"),
    RowOf<RmoeRouter>("rmoe"),
    RowOf<SharedTopKRouter>("shared-topk"),
    RowOf<NoisyTopKRouter>("noisy-topk"),
    RowOf<SpeechMoeRouter>("speech-moe"),
    RowOf<SegmentRouter>("segment"),
    RowOf<SmearRouter>("smear"),
    RowOf<ReadMeRouter>("read-me"),
};

const Row &Find(const std::string &name) {
  for (const Row &row : kRouters) {
    if (name == row.name) return row;
  }
  std::string known;
  for (const Row &row : kRouters) known += std::string(" ") + row.name;
  throw DataError("unknown router '", name, "'; known:", known);
}

}  // namespace

std::unique_ptr<Router> MakeRouter(const std::string &name, const RouterConfig &config,
                                   MixtureShared *shared) {
  const Row &row = Find(name);
  if (config.num_choices > row.traits->max_choices) {
    throw UsageError("the router '", name, "' chooses at most ", row.traits->max_choices,
                     " of the experts for a frame, not ", config.num_choices);
  }
  CHECK(shared != nullptr || !row.traits->shared);
  return row.make(config, shared);
}

const RouterTraits &RouterTraitsOf(const std::string &name) { return *Find(name).traits; }

std::vector<std::string> RouterNames() {
  std::vector<std::string> names;
  for (const Row &row : kRouters) names.emplace_back(row.name);
  return names;
}

}  // namespace u2moe
