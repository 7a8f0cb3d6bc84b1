#include "moe/bank-registry.h"

#include "moe/bank-full.h"
#include "moe/bank-mpo.h"
#include "moe/bank-neuron-groups.h"
#include "moe/bank-shared-routed.h"
#include "moe/bank-tied.h"

namespace u2moe {
namespace {

template <class T>
std::unique_ptr<ExpertBank> Make(int64_t dim, const FeedForwardConfig &config, float dropout) {
  return std::make_unique<T>(dim, config, dropout);
}

struct Row {
  const char *name;
  std::unique_ptr<ExpertBank> (*make)(int64_t dim, const FeedForwardConfig &config, float dropout);
};

// Adding a bank is its own files and one row here.
constexpr Row kBanks[] = {
    {"full", Make<FullBank>}, {"shared-plus-routed", Make<SharedRoutedBank>},
    {"tied", Make<TiedBank>}, {"neuron-groups", Make<NeuronGroupsBank>},
    {"mpo", Make<MpoBank>},
};

}  // namespace

std::unique_ptr<ExpertBank> MakeBank(int64_t dim, const FeedForwardConfig &config, float dropout) {
  std::string known;
  for (const Row &row : kBanks) {
    if (config.bank == row.name) return row.make(dim, config, dropout);
    known += std::string(" ") + row.name;
  }
  throw DataError("unknown bank of experts '", config.bank, "'; known:", known);
}

std::vector<std::string> BankNames() {
  std::vector<std::string> names;
  for (const Row &row : kBanks) names.emplace_back(row.name);
  return names;
}

}  // namespace u2moe
