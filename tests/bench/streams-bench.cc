// How many live streams one core carries, and how long their chunks wait: N streams with random
// phases deliver a chunk of frames each, chunk after chunk, to one scheduler on one thread; the
// latency of a chunk is the time from its last frame to its CTC log-posteriors.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/main.h"
#include "base/quantile.h"
#include "base/rng.h"
#include "base/timer.h"
#include "bench/bench-routing.h"
#include "modelfile/quantize.h"
#include "pipeline/encode.h"
#include "pipeline/stream-scheduler.h"
#include "util/io.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct BenchOptions {
  std::string model, streams = "1,2,4,8,16,32", clock = "virtual", json;
  double seconds = 10;
  int32_t max_batch = 64;
  int64_t seed = 1;

  void Register(OptionParser *po) {
    po->Register("model", &model, "model file; empty: random weights of the shape of the options");
    po->Register("streams", &streams, "numbers of live streams to try, separated by commas");
    po->Register("seconds", &seconds, "of audio that each stream delivers, warm-up apart");
    po->Register("clock", &clock,
                 "wall: chunks arrive in real time; virtual: only the processor time of each step "
                 "is measured, and arrivals and waiting are computed with it");
    po->Register("max-batch", &max_batch, "streams that advance in one step at most");
    po->Register("seed", &seed, "seed of phases, frames and random weights");
    po->Register("json", &json, "file for the table as JSON");
  }
  std::vector<int> StreamCounts() const {
    std::vector<int> counts;
    for (size_t begin = 0; begin <= streams.size();) {
      const size_t end = std::min(streams.find(',', begin), streams.size());
      counts.push_back(std::atoi(streams.substr(begin, end - begin).c_str()));
      if (counts.back() < 1) throw UsageError("--streams=", streams, ": numbers from 1 on");
      begin = end + 1;
    }
    return counts;
  }
};

// Seconds since the start: those that pass, or those that were computed.
class Clock {
 public:
  explicit Clock(bool is_virtual) : virtual_(is_virtual) {}
  double Now() const { return virtual_ ? now_ : timer_.Elapsed(); }
  void WaitUntil(double t) {
    now_ = std::max(now_, t);
    if (virtual_) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(t - timer_.Elapsed()));
  }
  // Runs fn; returns the seconds that it took.
  template <class Fn>
  double Run(Fn fn) {
    const double wall = timer_.Elapsed(), cpu = ThreadCpuSeconds();
    fn();
    const double took = virtual_ ? ThreadCpuSeconds() - cpu : timer_.Elapsed() - wall;
    now_ += took;
    return took;
  }

 private:
  bool virtual_;
  double now_ = 0;
  Timer timer_;
};

struct Result {
  int streams = 0;
  double batch = 0, rtf = 0, p50 = 0, p95 = 0, p99 = 0, load = 0;
  bool kept_up = false;  // p99 below one chunk
};

class Bench {
 public:
  Bench(const AsrModel &model, const EncodeOptions &encode, const BenchOptions &opts, double shift)
      : model_(model), encode_(encode), opts_(opts) {
    const Encoder &encoder = model.Encoder();
    window_ = encoder.WindowLength(encode.chunk_size);
    step_ = encode.chunk_size * encoder.SubsamplingRate();
    chunk_seconds_ = static_cast<double>(step_) * shift;
    Rng rng(static_cast<uint64_t>(opts.seed));
    frames_ = RandomRows(&rng, 4 * window_, encoder.FeatureDim());
  }
  double ChunkSeconds() const { return chunk_seconds_; }

  Result Run(int streams) {
    struct Arrival {
      double time;
      int stream;
      bool operator<(const Arrival &o) const { return time < o.time; }
    };
    Rng rng(SubSeed(static_cast<uint64_t>(opts_.seed), static_cast<uint64_t>(streams)));
    const double warm_up = (std::max(encode_.num_left_chunks, 0) + 2) * chunk_seconds_;
    std::vector<Arrival> arrivals;
    for (int i = 0; i < streams; ++i) {
      for (double t = rng.Uniform(0, chunk_seconds_); t < warm_up + opts_.seconds;
           t += chunk_seconds_)
        arrivals.push_back({t, i});
    }
    std::sort(arrivals.begin(), arrivals.end());

    StreamScheduler scheduler(ctx_, model_.Encoder(), encode_, opts_.max_batch);
    std::map<int64_t, std::deque<double>> waiting;  // when the chunks of a stream were complete
    std::vector<int64_t> ids;
    for (int i = 0; i < streams; ++i) ids.push_back(scheduler.Open());
    Clock clock(opts_.clock == "virtual");
    std::vector<double> latencies;
    double busy = 0, begin = -1, end = 0;
    int64_t steps = 0;
    for (size_t a = 0; a < arrivals.size() || scheduler.NumWaiting() > 0;) {
      for (; a < arrivals.size() && arrivals[a].time <= clock.Now(); ++a) {
        const int64_t id = ids[static_cast<size_t>(arrivals[a].stream)];
        const int64_t n = waiting.count(id) == 0 ? window_ : step_;
        scheduler.Accept(id, frames_.View().RowRange(rng.UniformInt(0, 3 * window_), n));
        waiting[id].push_back(arrivals[a].time);
      }
      if (scheduler.NumWaiting() == 0) {
        clock.WaitUntil(arrivals[a].time);
        continue;
      }
      StreamBatch batch;
      const double took = clock.Run([&] {
        batch = scheduler.Step();
        model_.CtcLogProbs(ctx_, batch.frames);
      });
      end = clock.Now();
      int64_t counted = 0;
      for (const StreamBatch::Item &item : batch.items) {
        const double time = waiting[item.id].front();
        waiting[item.id].pop_front();
        if (time < warm_up) continue;
        latencies.push_back(end - time);
        ++counted;
      }
      if (counted == 0) continue;
      if (begin < 0) begin = end - took;
      busy += took;
      ++steps;
    }
    std::sort(latencies.begin(), latencies.end());
    Result r;
    r.streams = streams;
    const auto chunks = static_cast<double>(latencies.size());
    r.batch = chunks / static_cast<double>(steps);
    r.rtf = busy / (chunks * chunk_seconds_);
    r.load = busy / (end - begin);
    r.p50 = SortedQuantile(latencies, 0.5);
    r.p95 = SortedQuantile(latencies, 0.95);
    r.p99 = SortedQuantile(latencies, 0.99);
    r.kept_up = r.p99 < chunk_seconds_;
    return r;
  }

 private:
  Context ctx_;
  const AsrModel &model_;
  EncodeOptions encode_;
  BenchOptions opts_;
  int64_t window_ = 0, step_ = 0;  // input frames
  double chunk_seconds_ = 0;
  Tensor frames_;
};

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Live streams per core against latency.\n\n"
      "Usage: streams-bench [options]\n"
      "  e.g. streams-bench --model=final.safetensors --chunk-size=16 --num-left-chunks=4 "
      "--streams=1,4,16 --clock=wall --json=streams.json\n");
  BenchOptions opts;
  EncodeOptions encode;
  ModelOptions shape;
  encode.chunk_size = 16;
  encode.num_left_chunks = 4;
  shape.vocab_size = 5000;
  shape.blank = 0;
  shape.sos = shape.eos = 4999;
  shape.decoder_blocks = 1;
  shape.reverse_decoder_blocks = 0;
  shape.reverse_weight = 0;
  PrecisionOptions precision_opts;
  BenchRouting routing;
  opts.Register(&po);
  encode.Register(&po);
  precision_opts.Register(&po);
  routing.Register(&po);
  shape.Register(&po);
  if (!po.Parse(argc, argv, 0, 0, InputArgs{0})) return 0;
  if (opts.clock != "wall" && opts.clock != "virtual") {
    throw UsageError("--clock=", opts.clock, ": unknown; known are wall and virtual");
  }
  if (encode.chunk_size < 1) throw UsageError("live streams need a --chunk-size");
  precision_opts.Check();
  const std::vector<int> counts = opts.StreamCounts();

  const Context ctx;
  ModelInfo info;
  std::unique_ptr<AsrModel> model;
  std::string precision = precision_opts.precision.empty() ? "float32" : precision_opts.precision;
  if (opts.model.empty()) {
    model = std::make_unique<AsrModel>(shape.Config());
    InitModel(model.get(), static_cast<uint64_t>(opts.seed));
    const WeightFormat format = ParseWeightFormat(precision);
    model->PrepareForInference(ctx, format, GroupSize(precision_opts.group_size, format));
  } else {
    model = ReadModelForInference(ctx, opts.model, precision_opts, &info, &precision,
                                  ModelPart::kEncoder);
  }
  routing.Apply(ctx, static_cast<uint64_t>(opts.seed), model.get());
  encode.streaming = true;
  encode.CheckModel(model->Config().encoder);

  Bench bench(*model, encode, opts, FrameShiftSeconds(info));
  const std::string experts = model->Policy().ToString();
  std::printf("%s, %s, experts %s, %s, %.0f s per stream, 1 thread, %s clock, %s\n",
              opts.model.empty() ? "random weights" : opts.model.c_str(), precision.c_str(),
              experts.c_str(), encode.ToString().c_str(), opts.seconds, opts.clock.c_str(),
              DescribeMachine().c_str());
  std::printf("latency in ms from the last frame of a chunk of %.0f ms to its posteriors\n",
              1e3 * bench.ChunkSeconds());
  std::printf("%8s %8s %12s %6s %9s %9s %9s  %s\n", "streams", "batch", "RTF/stream", "load", "p50",
              "p95", "p99", "p99 < chunk");
  nlohmann::json rows = nlohmann::json::array();
  for (const int n : counts) {
    const Result r = bench.Run(n);
    std::printf("%8d %8.2f %12.4f %6.2f %9.1f %9.1f %9.1f  %s\n", r.streams, r.batch, r.rtf, r.load,
                1e3 * r.p50, 1e3 * r.p95, 1e3 * r.p99, r.kept_up ? "yes" : "no");
    std::fflush(stdout);
    rows.push_back({{"streams", r.streams},
                    {"batch", r.batch},
                    {"rtf_per_stream", r.rtf},
                    {"load", r.load},
                    {"latency_seconds", {{"p50", r.p50}, {"p95", r.p95}, {"p99", r.p99}}},
                    {"kept_up", r.kept_up}});
  }
  if (opts.json.empty()) return 0;
  const nlohmann::json report = {{"model", opts.model},
                                 {"chunk_size", encode.chunk_size},
                                 {"num_left_chunks", encode.num_left_chunks},
                                 {"chunk_seconds", bench.ChunkSeconds()},
                                 {"precision", precision},
                                 {"experts", experts},
                                 {"clock", opts.clock},
                                 {"seconds", opts.seconds},
                                 {"threads", 1},
                                 {"machine", DescribeMachine()},
                                 {"rows", rows}};
  Output out(opts.json);
  out.Stream() << report.dump(2) << "\n";
  out.Close();
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
