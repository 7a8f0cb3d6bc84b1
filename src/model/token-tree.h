#ifndef U2MOE_MODEL_TOKEN_TREE_H_
#define U2MOE_MODEL_TOKEN_TREE_H_

#include <cstdint>
#include <vector>

namespace u2moe {

// Label sequences with their common beginnings written once: what a decoder computes depends on the
// labels so far only. Read backwards, common endings become beginnings.
struct TokenTree {
  // Node 0 is the empty beginning. A node comes after its parent.
  std::vector<int32_t> tokens;   // the last label; of node 0 the start symbol
  std::vector<int32_t> parents;  // of node 0: -1
  std::vector<int32_t> depths;   // labels so far
  std::vector<int32_t> ends;     // per sequence, in the order given: the node of all its labels

  int64_t NumNodes() const { return static_cast<int64_t>(tokens.size()); }
};

// reverse: the sequences are given in reading order and read backwards. Sequences may be equal, one
// the beginning of another, or empty.
TokenTree MakeTokenTree(const std::vector<std::vector<int32_t>> &labels, int32_t sos, bool reverse);

}  // namespace u2moe

#endif  // U2MOE_MODEL_TOKEN_TREE_H_
