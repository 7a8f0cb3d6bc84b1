#include "table/utterance-loop.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/error.h"
#include "table/table.h"

namespace u2moe {

void ThreadOptions::Register(OptionParser *po, const std::string &option) {
  name = option;
  po->Register(name, &threads, "utterances computed at once; the results do not depend on it");
}

void ThreadOptions::RegisterOps(OptionParser *po) {
  po->Register(
      "op-threads", &op_threads,
      "threads that share the large products of one utterance or stream, for less latency; "
      "the results do not depend on it");
}

void ThreadOptions::Check() const {
  if (op_threads < 1 || op_threads > 1024)
    throw UsageError("--op-threads=", op_threads, ": must be from 1 to 1024");
  if (threads < 1 || threads > 1024) {
    throw UsageError("--", name, "=", threads, ": must be from 1 to 1024");
  }
}

void Together::Check(bool streaming) const {
  if (streams < 1 || (streams > 1 && !streaming)) {
    throw UsageError("--streams=", streams, ": must be at least 1, and above 1 needs --streaming");
  }
  if (!((batch_seconds >= 0 && batch_seconds <= 1e6) || batch_seconds == -1)) {
    throw UsageError("--batch-seconds=", batch_seconds, ": must be from 0 to 1000000, or -1");
  }
  if (batch_seconds > 0 && streaming) {
    throw UsageError("--batch-seconds=", batch_seconds,
                     ": batches are of whole utterances; with --streaming use --streams");
  }
}

std::vector<std::vector<size_t>> PlanBatches(const std::vector<double> &seconds, double max_seconds,
                                             int threads) {
  std::vector<size_t> order(seconds.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return seconds[a] > seconds[b]; });
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  const size_t step = static_cast<size_t>(threads);
  // Each goes to the batch that is the shortest so far. Where one becomes too long, with more.
  for (size_t count = step * std::max<size_t>(1, static_cast<size_t>(
                                                     std::ceil(total / (max_seconds * threads))));
       ; count += step) {
    std::vector<std::vector<size_t>> batches(std::min(count, order.size()));
    std::vector<double> length(batches.size(), 0);
    bool fits = true;
    for (const size_t i : order) {
      const size_t b =
          static_cast<size_t>(std::min_element(length.begin(), length.end()) - length.begin());
      fits = fits && (batches[b].empty() || length[b] + seconds[i] <= max_seconds);
      batches[b].push_back(i);
      length[b] += seconds[i];
    }
    if (!fits) continue;
    // Those without length have all gone to the first.
    batches.erase(std::remove_if(batches.begin(), batches.end(),
                                 [](const std::vector<size_t> &batch) { return batch.empty(); }),
                  batches.end());
    return batches;
  }
}

int64_t CountEntries(const std::string &rspecifier) {
  const Rspecifier spec = ParseRspecifier(rspecifier);
  std::error_code error;
  if (!spec.is_script || !std::filesystem::is_regular_file(spec.rxfilename, error)) return 0;
  std::ifstream file(spec.rxfilename, std::ios::binary);
  return std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n');
}

}  // namespace u2moe
