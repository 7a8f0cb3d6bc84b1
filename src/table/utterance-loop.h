// The loop of a tool that computes utterance by utterance on several threads.
#ifndef U2MOE_TABLE_UTTERANCE_LOOP_H_
#define U2MOE_TABLE_UTTERANCE_LOOP_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
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

// Reads utterances with read(Job *), false at the end; computes them on several threads; and then
// calls write(Job *) in the order of reading. read and write run in the calling thread. Each thread
// calls work(next) once per group, and takes jobs of the group from next() until that gives null;
// it may have up to `together` of them in hand at once. Where the result of a job does not depend
// on the others, nor do results and their order depend on threads and groups. At most 8 * threads *
// together utterances are held. DataErrors of read and work (through Job::Try) and of write are
// counted in the tally. The time of work counts in the speed report: of groups, and of
// utterances that were computed alone.
template <class Job>
void ForEachGroup(const ThreadOptions &opts, int together, SpeedReport *speed,
                  UtteranceTally *tally, Progress *progress, const std::function<bool(Job *)> &read,
                  const std::function<void(const std::function<Job *()> &)> &work,
                  const std::function<void(Job *)> &write) {
  const size_t at_once = static_cast<size_t>(opts.threads) * static_cast<size_t>(together);
  const size_t group = at_once > 1 ? at_once * 8 : 1;
  std::unique_ptr<ThreadPool> pool;
  if (opts.threads > 1) pool = std::make_unique<ThreadPool>(opts.threads);
  for (bool more = true; more;) {
    std::vector<Job> jobs;
    jobs.reserve(group);
    while (jobs.size() < group) {
      Job job;
      more = read(&job);
      if (!more) break;
      jobs.push_back(std::move(job));
    }
    // The longest first, so that no thread is left alone with it at the end of the group.
    std::vector<Job *> order;
    double seconds = 0;
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
      std::atomic<size_t> taken{0};
      const std::function<Job *()> next = [&]() -> Job * {
        const size_t i = taken++;
        return i < order.size() ? order[i] : nullptr;
      };
      const auto run = [&](int64_t) {
        const StageScope stage(Stage::kOther);
        work(next);
      };
      if (pool) {
        pool->ParallelFor(opts.threads, run);
      } else {
        run(0);
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
  ForEachGroup<Job>(opts, 1, speed, tally, progress, read, all, write);
}

}  // namespace u2moe

#endif  // U2MOE_TABLE_UTTERANCE_LOOP_H_
