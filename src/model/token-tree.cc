#include "model/token-tree.h"

#include <cstddef>
#include <map>
#include <utility>

namespace u2moe {

TokenTree MakeTokenTree(const std::vector<std::vector<int32_t>> &labels, int32_t sos,
                        bool reverse) {
  TokenTree tree;
  tree.tokens.push_back(sos);
  tree.parents.push_back(-1);
  tree.depths.push_back(0);
  std::map<std::pair<int32_t, int32_t>, int32_t> children;  // of (node, label)
  for (const std::vector<int32_t> &sequence : labels) {
    int32_t node = 0;
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      const int32_t label = sequence[reverse ? sequence.size() - 1 - i : i];
      const auto [child, is_new] =
          children.try_emplace({node, label}, static_cast<int32_t>(tree.tokens.size()));
      if (is_new) {
        tree.tokens.push_back(label);
        tree.parents.push_back(node);
        tree.depths.push_back(static_cast<int32_t>(i) + 1);
      }
      node = child->second;
    }
    tree.ends.push_back(node);
  }
  return tree;
}

}  // namespace u2moe
