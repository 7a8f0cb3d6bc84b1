#include "lab/assignment.h"

#include <limits>

#include "base/check.h"

namespace u2moe {

std::vector<int64_t> BestAssignment(ConstView score) {
  const int64_t n = score.Rows();
  CHECK_EQ(score.Cols(), n);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr int64_t kFree = -1;
  const size_t size = static_cast<size_t>(n);
  // Duals of rows and columns; cost(i, j) = -score(i, j) >= row[i] + column[j], with equality where
  // row i has column j.
  std::vector<double> row(size, 0), column(size, 0), distance(size);
  std::vector<int64_t> row_of(size, kFree), parent(size);
  std::vector<bool> done(size);
  for (int64_t start = 0; start < n; ++start) {
    // Dijkstra from the row `start` over reduced costs to the nearest free column.
    distance.assign(size, kInfinity);
    parent.assign(size, start);
    done.assign(size, false);
    std::vector<int64_t> reached;  // columns whose distance is final
    int64_t i = start, end = kFree;
    double shortest = 0;
    while (end == kFree) {
      int64_t next = kFree;
      double nearest = kInfinity;
      for (int64_t j = 0; j < n; ++j) {
        const size_t c = static_cast<size_t>(j);
        if (done[c]) continue;
        const double d =
            shortest - static_cast<double>(score(i, j)) - row[static_cast<size_t>(i)] - column[c];
        if (d < distance[c]) {
          distance[c] = d;
          parent[c] = i;
        }
        if (distance[c] < nearest) {
          nearest = distance[c];
          next = j;
        }
      }
      CHECK(next != kFree) << "a score is not finite";
      shortest = nearest;
      done[static_cast<size_t>(next)] = true;
      if (row_of[static_cast<size_t>(next)] == kFree) {
        end = next;
      } else {
        reached.push_back(next);
        i = row_of[static_cast<size_t>(next)];
      }
    }
    row[static_cast<size_t>(start)] += shortest;
    for (const int64_t j : reached) {
      const size_t c = static_cast<size_t>(j);
      row[static_cast<size_t>(row_of[c])] += shortest - distance[c];
      column[c] -= shortest - distance[c];
    }
    // Along the path each row takes the next column.
    std::vector<int64_t> column_of(size, kFree);
    for (int64_t j = 0; j < n; ++j) {
      if (row_of[static_cast<size_t>(j)] != kFree)
        column_of[static_cast<size_t>(row_of[static_cast<size_t>(j)])] = j;
    }
    for (int64_t j = end; j != kFree;) {
      const int64_t taker = parent[static_cast<size_t>(j)];
      const int64_t left = column_of[static_cast<size_t>(taker)];
      row_of[static_cast<size_t>(j)] = taker;
      j = taker == start ? kFree : left;
    }
  }
  std::vector<int64_t> best(size);
  for (int64_t j = 0; j < n; ++j) best[static_cast<size_t>(row_of[static_cast<size_t>(j)])] = j;
  return best;
}

}  // namespace u2moe
