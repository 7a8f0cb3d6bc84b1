// The loop of a tool that computes utterance by utterance on several threads.
#ifndef U2MOE_TABLE_UTTERANCE_LOOP_H_
#define U2MOE_TABLE_UTTERANCE_LOOP_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stage-clock.h"
#include "base/thread-pool.h"
#include "base/timer.h"
#include "util/progress.h"
#include "util/speed-report.h"
#include "util/tally.h"

namespace u2moe {

// Registers --threads (or Kaldi's name for it), the number of utterances computed at once.
// With RegisterOps also --op-threads, the threads that share the large products of one of them.
struct ThreadOptions {
  int32_t threads = 1;
  int32_t op_threads = 1;
  std::string name = "threads";  // of the option
  void Register(OptionParser *po, const std::string &option = "threads");
  void RegisterOps(OptionParser *po);
  void Check() const;  // throws UsageError
  std::string ToString() const { return Cat(threads, threads > 1 ? " threads" : " thread"); }
  // The pool that Context::SetPool takes; null for none. It looks for the next product of a forward
  // for a millisecond before it sleeps.
  std::unique_ptr<ThreadPool> OpPool() const {
    return op_threads > 1 ? std::make_unique<ThreadPool>(threads * (op_threads - 1), 1e-3)
                          : nullptr;
  }
};

// One utterance on its way. Tools derive from it what goes in and comes out.
struct UtteranceJob {
  std::string key;
  std::string place;  // where it was read (reader.Where()), for the message if it fails
  double audio_seconds = 0;
  double seconds = -1;       // that it took, if it was computed alone
  std::exception_ptr error;  // a DataError: the utterance fails

  // Runs fn() and keeps a DataError for later; other errors pass.
  template <class Fn>
  void Try(Fn fn) {
    if (error) return;
    try {
      fn();
    } catch (const DataError &) {
      error = std::current_exception();
    }
  }
};

// The number of entries of a script file, for the time left; 0 where it cannot be known beforehand.
int64_t CountEntries(const std::string &rspecifier);

// How many jobs one call of work has in hand at once.
struct Together {
  int32_t streams = 1;       // at most so many, which come and go
  double batch_seconds = 0;  // above 0: all of a batch of at most so much audio; -1: not chosen yet

  void Check(bool streaming) const;  // throws UsageError for --streams and --batch-seconds
};

// Divides utterances of these lengths into batches of at most max_seconds, of about equal length
// and a whole number per thread where they are enough for that; an utterance that is longer is a
// batch of its own. Returns the places of each batch's utterances, longest first.
std::vector<std::vector<size_t>> PlanBatches(const std::vector<double> &seconds, double max_seconds,
                                             int threads);

// Reads utterances with read(Job *), false at the end; computes them on several threads; and then
// calls write(Job *) in the order of reading. read and write run in the calling thread. Each thread
// calls work(next) once per group, and takes jobs of the group from next() until that gives null;
// it may have up to together.streams of them in hand at once. With together.batch_seconds it calls
// work(next) once per batch (PlanBatches), and takes all jobs of the batch. Where the result of a
// job does not depend on the others, nor do results and their order depend on threads, groups and
// batches. At most 8 * threads * streams utterances are held, or one batch for each thread.
// DataErrors of read and work (through Job::Try) and of write are counted in the tally. The time of
// work counts in the speed report: of groups, and of utterances that were computed alone.
template <class Job>
void ForEachGroup(const ThreadOptions &opts, const Together &together, SpeedReport *speed,
                  UtteranceTally *tally, Progress *progress, const std::function<bool(Job *)> &read,
                  const std::function<void(const std::function<Job *()> &)> &work,
                  const std::function<void(Job *)> &write) {
  const size_t threads = static_cast<size_t>(opts.threads);
  const bool in_batches = together.batch_seconds > 0;
  const size_t at_once = threads * static_cast<size_t>(together.streams);
  const size_t group = in_batches ? 1024 * threads : at_once > 1 ? at_once * 8 : 1;
  // A little less than all threads' batches, so that those of equal length are small enough.
  const double group_seconds = !in_batches ? std::numeric_limits<double>::infinity()
                               : threads > 1
                                   ? together.batch_seconds * static_cast<double>(threads) * 0.875
                                   : together.batch_seconds;
  std::unique_ptr<ThreadPool> pool;
  if (opts.threads > 1) pool = std::make_unique<ThreadPool>(opts.threads);
  std::optional<Job> ahead;  // the first of the next group
  for (bool more = true; more || ahead;) {
    std::vector<Job> jobs;
    jobs.reserve(in_batches ? 16 : group);
    double seconds = 0;
    while (jobs.size() < group) {
      Job job;
      if (ahead) {
        job = std::move(*ahead);
        ahead.reset();
      } else {
        more = more && read(&job);
        if (!more) break;
      }
      if (!jobs.empty() && seconds + job.audio_seconds > group_seconds) {
        ahead = std::move(job);
        break;
      }
      seconds += job.audio_seconds;
      jobs.push_back(std::move(job));
    }
    // The longest first, so that no thread is left alone with it at the end of the group.
    std::vector<Job *> order;
    seconds = 0;
    for (Job &job : jobs) {
      if (job.error) continue;
      order.push_back(&job);
      seconds += job.audio_seconds;
    }
    std::stable_sort(order.begin(), order.end(), [](const Job *a, const Job *b) {
      return a->audio_seconds > b->audio_seconds;
    });
    if (!order.empty()) {
      SpeedReport::Scope scope(speed, seconds);
      std::vector<std::vector<Job *>> lists;
      if (in_batches) {
        std::vector<double> lengths;
        for (const Job *job : order) lengths.push_back(job->audio_seconds);
        for (const std::vector<size_t> &batch :
             PlanBatches(lengths, together.batch_seconds, opts.threads)) {
          lists.emplace_back();
          for (const size_t i : batch) lists.back().push_back(order[i]);
        }
      } else {
        lists.push_back(std::move(order));
      }
      std::vector<std::atomic<size_t>> taken(lists.size());
      for (std::atomic<size_t> &n : taken) n = 0;
      const auto run = [&](int64_t call) {
        const size_t list = in_batches ? static_cast<size_t>(call) : 0;
        const StageScope stage(Stage::kOther);
        work([&, list]() -> Job * {
          const size_t i = taken[list]++;
          return i < lists[list].size() ? lists[list][i] : nullptr;
        });
      };
      const int64_t calls = in_batches ? static_cast<int64_t>(lists.size()) : opts.threads;
      if (pool) {
        pool->ParallelFor(calls, run);
      } else {
        for (int64_t call = 0; call < calls; ++call) run(call);
      }
    }
    for (Job &job : jobs) {
      tally->Try(job.key, [&] {
        try {
          if (job.error) std::rethrow_exception(job.error);
          if (job.seconds >= 0) speed->AddUtterance(job.audio_seconds, job.seconds);
          write(&job);
        } catch (const DataError &e) {
          throw DataError(UtteranceTally::WithPlace(job.place, e.what()));
        }
      });
    }
    progress->Add(static_cast<int64_t>(jobs.size()));
  }
}

// The same for work(Job *) that computes one utterance alone.
template <class Job>
void ForEachUtterance(const ThreadOptions &opts, SpeedReport *speed, UtteranceTally *tally,
                      Progress *progress, const std::function<bool(Job *)> &read,
                      const std::function<void(Job *)> &work,
                      const std::function<void(Job *)> &write) {
  const std::function<void(const std::function<Job *()> &)> all = [&](const auto &next) {
    while (Job *job = next()) {
      const Timer timer;
      job->Try([&] { work(job); });
      job->seconds = timer.Elapsed();
    }
  };
  ForEachGroup<Job>(opts, Together(), speed, tally, progress, read, all, write);
}

}  // namespace u2moe

#endif  // U2MOE_TABLE_UTTERANCE_LOOP_H_
