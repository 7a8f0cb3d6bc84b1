#ifndef U2MOE_LATTICE_LATTICE_OUTLINE_H_
#define U2MOE_LATTICE_LATTICE_OUTLINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace u2moe {

// What of a lattice says which of its parts are on good paths: where arcs lead, what they cost, and
// what they would take in memory. 12 bytes an arc and 44 a state, so that a lattice which does not
// go into memory can be pruned to one that does.
//
// Calls: for each state of the file in order AddState, then AddArc for its arcs; then Prune; then
// the questions below, where an arc is known by its number in the file.
class LatticeOutline {
 public:
  // cost: of ending there, infinite where that cannot be. bytes: of the state with its final
  // weight.
  void AddState(float cost, uint32_t bytes);
  void AddArc(int32_t next, float cost, uint32_t bytes);  // of the last state
  int64_t Bytes() const;                                  // of memory, with what Prune takes

  // Finds the largest beam (to a part in 2^20) whose states and arcs take at most max_bytes: what
  // no path within it of the best one needs is dropped. Returns it; negative: not even the best
  // paths go into max_bytes, or there is no path. Throws DataError for a cycle. Needs states that
  // are there for `start` and for what arcs lead to (CHECK).
  double Prune(int64_t start, int64_t max_bytes);

  // The number of a state among those that are kept, -1: it is not.
  int32_t NewState(int64_t state) const { return new_states_[static_cast<size_t>(state)]; }
  int64_t NumKept() const { return num_kept_; }
  bool KeepsArc(int64_t state, int64_t arc) const;
  bool KeepsFinal(int64_t state) const;

 private:
  struct State {
    int64_t first_arc;
    float final;
    uint32_t bytes;
  };
  struct Arc {
    int32_t next;
    float cost;
    uint32_t bytes;
  };
  std::vector<int32_t> Order() const;
  void FindCosts(int64_t start);
  double Slack(size_t state) const { return forward_[state] + backward_[state]; }
  int64_t BytesWithin(double cutoff) const;
  int64_t End(size_t state) const {
    return state + 1 < states_.size() ? states_[state + 1].first_arc
                                      : static_cast<int64_t>(arcs_.size());
  }

  bool sorted_ = true;
  std::deque<State> states_;  // grow without a copy of all that is there
  std::deque<Arc> arcs_;
  std::vector<double> forward_, backward_;  // costs of the best path from the start and to an end
  double cutoff_ = 0;
  std::vector<int32_t> new_states_;
  int64_t num_kept_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_LATTICE_LATTICE_OUTLINE_H_
