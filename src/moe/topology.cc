#include "moe/topology.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.h"
#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr size_t kMaxRanks = 256;
constexpr size_t kMaxBytes = size_t{16} << 20;

}  // namespace

std::vector<double> Topology::Penalties(int rank, int64_t num_experts) const {
  CHECK(rank >= 0 && rank < num_ranks) << rank << " of " << num_ranks;
  CHECK_EQ(num_experts % num_ranks, 0);
  // Against the slowest, so that equal links are 1 and their sum is exact.
  double slowest = 0, sum = 0;
  for (int r = 0; r < num_ranks; ++r) slowest = std::max(slowest, Beta(rank, r));
  for (int r = 0; r < num_ranks; ++r) sum += Beta(rank, r) / slowest;
  std::vector<double> penalties;
  for (int64_t e = 0; e < num_experts; ++e)
    penalties.push_back(num_ranks * (Beta(rank, RankOf(e, num_experts)) / slowest) / sum);
  return penalties;
}

std::vector<double> Topology::Targets(int rank, int64_t num_experts, double total) const {
  std::vector<double> targets = Penalties(rank, num_experts);
  double sum = 0;
  for (double &v : targets) sum += v = 1 / v;
  for (double &v : targets) v *= total / sum;
  return targets;
}

double Topology::SlowestLink(const std::vector<std::vector<double>> &rows,
                             double bytes_per_row) const {
  double slowest = 0;
  for (size_t from = 0; from < rows.size(); ++from) {
    const int64_t num_experts = static_cast<int64_t>(rows[from].size());
    std::vector<double> bytes(static_cast<size_t>(num_ranks), 0);
    for (int64_t e = 0; e < num_experts; ++e) {
      bytes[static_cast<size_t>(RankOf(e, num_experts))] +=
          rows[from][static_cast<size_t>(e)] * bytes_per_row;
    }
    for (size_t to = 0; to < bytes.size(); ++to) {
      const size_t link = from * static_cast<size_t>(num_ranks) + to;
      if (bytes[to] > 0) slowest = std::max(slowest, alpha[link] + beta[link] * bytes[to]);
    }
  }
  return slowest;
}

Topology ParseTopology(std::string_view text, const std::string &source) {
  Topology topology;
  std::vector<double> *matrix = nullptr;  // under way
  size_t ranks = 0;
  const char *name = "";
  const auto end_matrix = [&](const std::string &where) {
    if (matrix == nullptr) return;
    if (matrix->size() != ranks * ranks || ranks == 0) {
      throw DataError(where, ": ", name, " has ", ranks == 0 ? 0 : matrix->size() / ranks,
                      " lines of ", ranks, " numbers; there must be as many as ranks");
    }
  };
  int64_t line_number = 0;
  std::string where = source;
  for (const std::string &whole : Split(text, '\n')) {
    where = Cat(source, ":", ++line_number);
    const std::vector<std::string> fields = SplitFields(whole.substr(0, whole.find('#')));
    if (fields.empty()) continue;
    if (fields.size() == 1 && (fields[0] == "alpha" || fields[0] == "beta")) {
      end_matrix(where);
      matrix = fields[0] == "alpha" ? &topology.alpha : &topology.beta;
      name = fields[0] == "alpha" ? "alpha" : "beta";
      if (!matrix->empty()) throw DataError(where, ": a second ", name);
      continue;
    }
    if (matrix == nullptr) {
      throw DataError(where, ": expected a line 'alpha' or 'beta', not ", Printable(fields[0]));
    }
    if (ranks == 0) ranks = fields.size();
    if (ranks > kMaxRanks) throw DataError(where, ": ", ranks, " ranks; at most ", kMaxRanks);
    if (fields.size() != ranks || matrix->size() == ranks * ranks) {
      throw DataError(where, ": line ", matrix->size() / ranks + 1, " of ", name, " has ",
                      fields.size(), " numbers; ", ranks, " ranks want ", ranks, " lines of ",
                      ranks);
    }
    for (const std::string &field : fields) {
      double value = 0;
      const bool is_beta = matrix == &topology.beta;
      if (!ParseNumber(field, &value) || !std::isfinite(value) || value < 0 ||
          (is_beta && value == 0)) {
        throw DataError(where, ": ", name, " ", Printable(field), " is not a number ",
                        is_beta ? "above 0 (seconds for a byte)" : "of 0 or more (seconds)");
      }
      matrix->push_back(value);
    }
  }
  end_matrix(where);
  if (topology.beta.empty()) throw DataError(source, ": no beta");
  if (topology.alpha.empty()) topology.alpha.assign(topology.beta.size(), 0);
  topology.num_ranks = static_cast<int>(ranks);
  return topology;
}

Topology ReadTopology(const std::string &rxfilename) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::string text;
  std::istream &is = input.Stream();
  for (std::istreambuf_iterator<char> it(is), end; it != end; ++it) {
    if (text.size() == kMaxBytes)
      throw DataError(rxfilename, ": more than ", kMaxBytes, " bytes are no topology");
    text += *it;
  }
  input.Close();
  return ParseTopology(text, rxfilename);
}

}  // namespace u2moe
