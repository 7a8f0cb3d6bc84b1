#include "moe/router-registry.h"

#include "moe/router-topk-softmax.h"

namespace u2moe {
namespace {

template <class T>
std::unique_ptr<Router> Make(int64_t dim, int num_experts, int num_choices) {
  return std::make_unique<T>(dim, num_experts, num_choices);
}

struct Row {
  const char *name;
  std::unique_ptr<Router> (*make)(int64_t dim, int num_experts, int num_choices);
};

// Adding a router is its own files and one row here.
constexpr Row kRouters[] = {
    {"topk-softmax", Make<TopKSoftmaxRouter>},
};

}  // namespace

std::unique_ptr<Router> MakeRouter(const std::string &name, int64_t dim, int num_experts,
                                   int num_choices) {
  std::string known;
  for (const Row &row : kRouters) {
    if (name == row.name) return row.make(dim, num_experts, num_choices);
    known += std::string(" ") + row.name;
  }
  throw DataError("unknown router '", name, "'; known:", known);
}

std::vector<std::string> RouterNames() {
  std::vector<std::string> names;
  for (const Row &row : kRouters) names.emplace_back(row.name);
  return names;
}

}  // namespace u2moe
