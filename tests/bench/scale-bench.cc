// One model at the paper's scale in one format of weights: seconds of computing per second of audio
// of whole utterances, alone and in batches, of one live stream and of many together, on each
// number of threads, beside the sgemm and the copies of the same run. Peak memory is the process's,
// so each model has a process of its own.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/main.h"
#include "base/quantile.h"
#include "base/rng.h"
#include "base/stage-clock.h"
#include "base/thread-pool.h"
#include "base/timer.h"
#include "bench/bench-routing.h"
#include "modelfile/device-options.h"
#include "modelfile/quantize.h"
#include "pipeline/encode.h"
#include "pipeline/model-scorer.h"
#include "pipeline/stream-scheduler.h"
#include "tensor/allocator.h"
#include "tensor/gemm.h"
#include "tensor/transfer.h"
#include "util/io.h"
#include "util/options.h"

// Small blocks, of vectors and the like; the memory of tensors is counted by NumSystemAllocations.
static std::atomic<int64_t> num_news{0};

// Not inlined: GCC would take them for mismatched.
__attribute__((noinline)) void *operator new(size_t size) {
  num_news.fetch_add(1, std::memory_order_relaxed);
  if (void *p = std::malloc(std::max<size_t>(size, 1))) return p;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void *p) noexcept { std::free(p); }
__attribute__((noinline)) void operator delete(void *p, size_t) noexcept { std::free(p); }

namespace u2moe {
namespace {

struct BenchOptions {
  std::string json;
  double seconds = 10, batch_seconds = 60;
  int32_t streams = 16, max_threads = 2, rounds = 5;
  int64_t seed = 1;

  void Register(OptionParser *po) {
    po->Register("seconds", &seconds, "of audio of each utterance and each stream");
    po->Register("batch-seconds", &batch_seconds, "of audio of the utterances in a batch");
    po->Register("streams", &streams, "live streams that advance together");
    po->Register("max-threads", &max_threads, "measure 1, 2, 4, ... threads up to this many");
    po->Register("rounds", &rounds, "measurements of each mode, after one that warms up");
    po->Register("seed", &seed, "seed of the features");
    po->Register("json", &json, "file for the figures as JSON");
  }
  void Check() const {
    if (!(seconds >= 1) || streams < 1 || max_threads < 1 || rounds < 1) {
      throw UsageError("--seconds, --streams, --max-threads and --rounds must be at least 1");
    }
    if (!(batch_seconds >= seconds && batch_seconds <= 3600)) {
      throw UsageError("--batch-seconds must be from --seconds to 3600");
    }
  }
  int BatchSize() const { return static_cast<int>(batch_seconds / seconds); }
};

// What one core's OpenBLAS reaches with the rows of 40 s, in GFLOP/s; the best of some calls.
double SgemmGflops(const Context &ctx) {
  constexpr int64_t kRows = 1000, kOut = 2560, kIn = 640;
  Rng rng(1);
  const Tensor x = RandomRows(&rng, kRows, kIn).ToDevice(ctx),
               w = RandomRows(&rng, kOut, kIn).ToDevice(ctx);
  Tensor y(ctx, kRows, kOut);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 10; ++i) {
    const Timer timer;
    const double begin = ThreadCpuSeconds();
    Gemm(ctx, 1, x, Trans::kNo, w, Trans::kYes, 0, y);
    ctx.Synchronize();
    best = std::min(best, ctx.OnCuda() ? timer.Elapsed() : ThreadCpuSeconds() - begin);
  }
  return 2e-9 * kRows * kOut * kIn / best;
}

// Bytes that one thread's memcpy reads and writes in a second, beyond all caches, in GB; the best
// of some calls.
double CopyGigabytes() {
  constexpr size_t kBytes = size_t{128} << 20;
  const std::vector<char> from(kBytes, 1);
  std::vector<char> to(kBytes);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 6; ++i) {
    const double begin = ThreadCpuSeconds();
    std::memcpy(to.data(), from.data(), kBytes);
    best = std::min(best, ThreadCpuSeconds() - begin);
    if (to[static_cast<size_t>(i)] != 1) throw Error("the copy is no copy");
  }
  return 2e-9 * kBytes / best;
}

double PeakMegabytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// Experts that a call of a router sends frames to, on average.
class DistinctExperts : public RouteSink {
 public:
  void OnRoute(ConstView, Span<int32_t> experts, Span<float>) override {
    std::set<int32_t> distinct(experts.begin(), experts.end());
    distinct.erase(-1);  // a place left empty
    sum_ += static_cast<double>(distinct.size());
    ++calls_;
  }
  double Mean() const { return calls_ == 0 ? 0 : sum_ / static_cast<double>(calls_); }

 private:
  double sum_ = 0;
  int64_t calls_ = 0;
};

// Parameters of the encoder's feed-forward layers that a row uses.
double FeedForwardParams(AsrModel *model) {
  double n = 0;
  const auto add = [&n](const ParamInfo &info, int64_t size) {
    const ParamRole role = info.use.role;
    if (role == ParamRole::kFeedForward || role == ParamRole::kExpert || role == ParamRole::kRouter)
      n += info.use.share * static_cast<double>(size);
  };
  AsrModel::Alone encoder{model, AsrModel::Piece::kEncoder};
  ForEachParamOrPacked(
      &encoder, [&](const ParamInfo &info, Tensor *t) { add(info, t->Size()); },
      [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
        add(info, packed->Empty() ? weight->Size() : packed->Rows() * packed->Cols());
      });
  return n;
}

// Multiplications and additions of encoder and CTC head for one utterance, twice the number of
// multiply-adds; attention's scores and sums included.
double EncoderGflop(AsrModel *model, int64_t frames) {
  const EncoderConfig &c = model->Config().encoder;
  const double rows = static_cast<double>(model->Encoder().OutLength(frames));
  const double dim = c.model_dim, t1 = static_cast<double>((frames - 1) / 2),
               f1 = (c.feature_dim - 1) / 2,
               f2 = static_cast<double>((static_cast<int64_t>(f1) - 1) / 2);
  const double ffn = FeedForwardParams(model);
  const double blocks = c.num_blocks;
  const double per_row = ffn + blocks * dim * dim * (4 + 3) + f2 * dim * dim +
                         dim * model->Config().vocab_size + 2 * blocks * rows * dim;
  return 2e-9 * (rows * per_row + t1 * f1 * dim * 9 + rows * f2 * dim * dim * 9);
}

struct Mode {
  std::string name;
  EncodeOptions encode;
  int streams = 1;  // or utterances in one batch
};

// Weights of the encoder's and CTC head's linear maps in memory, in MB.
struct WeightBytes {
  double experts = 0, others = 0;
  int num_experts = 0;

  // What a step reads that uses so many experts of each mixture.
  double Read(double distinct_experts) const {
    return others + (num_experts == 0 ? 0 : experts * distinct_experts / num_experts);
  }
};

class Bench {
 public:
  Bench(const Context &ctx, const AsrModel &model, const WeightBytes &weights,
        const BenchOptions &opts, double frame_shift)
      : ctx_(ctx), model_(model), weights_(weights), opts_(opts) {
    Rng rng(static_cast<uint64_t>(opts.seed));
    frames_ = static_cast<int64_t>(opts.seconds / frame_shift + 0.5);
    feats_ = RandomRows(&rng, frames_ + kApart * (std::max(opts.streams, opts.BatchSize()) - 1),
                        model.Encoder().FeatureDim());
  }

  // All modes in turn, round after round, so that what else the machine does falls on all alike.
  nlohmann::ordered_json Measure(const std::vector<Mode> &modes) {
    std::vector<Cell> cells;
    for (int threads = 1; threads <= opts_.max_threads; threads *= 2) {
      for (const Mode &mode : modes) cells.push_back({mode, threads, {}, {}, {}, 0, 0});
    }
    for (int round = 0; round <= opts_.rounds; ++round) {
      for (Cell &cell : cells) MeasureOnce(round > 0, &cell);
    }
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (Cell &cell : cells) {
      std::sort(cell.rtfs.begin(), cell.rtfs.end());
      std::sort(cell.cpu_rtfs.begin(), cell.cpu_rtfs.end());
      nlohmann::ordered_json stages = nlohmann::ordered_json::object();
      for (size_t i = 0; i < kNumStages; ++i) {
        if (cell.stages[i] > 0) stages[StageName(static_cast<Stage>(i))] = cell.stages[i];
      }
      const double distinct = Experts(cell.mode), megabytes = weights_.Read(distinct);
      const double seconds = cell.rtfs[0] * opts_.seconds * cell.mode.streams * cell.threads;
      rows.push_back(
          {{"mode", cell.mode.name},
           {"chunk_size", cell.mode.encode.chunk_size},
           {"num_left_chunks", cell.mode.encode.num_left_chunks},
           {"streams", cell.mode.streams},
           {"threads", cell.threads},
           {"rtf", {{"min", cell.rtfs[0]}, {"p50", SortedQuantile(cell.rtfs, 0.5)}}},
           {"cpu_rtf", {{"min", cell.cpu_rtfs[0]}, {"p50", SortedQuantile(cell.cpu_rtfs, 0.5)}}},
           {"stages", stages},
           {"system_allocations", cell.allocations},
           {"small_allocations", cell.news / cell.threads / cell.mode.streams},
           {"distinct_experts", distinct},
           {"megabytes_read", megabytes},  // of weights, in a step of one thread
           {"gigabytes_per_second", 1e-3 * megabytes * Steps(cell.mode) * cell.threads / seconds}});
    }
    return rows;
  }

 private:
  struct Cell {
    Mode mode;
    int threads;
    std::vector<double> rtfs, cpu_rtfs;
    std::array<double, kNumStages> stages;  // seconds, all rounds
    int64_t allocations, news;              // of the last round
  };

  void MeasureOnce(bool counts, Cell *cell) {
    ThreadPool pool(cell->threads);
    const auto run = [&](int64_t) { Run(cell->mode); };
    // Memory that is kept for reuse belongs to a thread: these begin without.
    pool.ParallelFor(cell->threads, run);
    if (!counts) return;
    const std::array<double, kNumStages> before = StageSeconds();
    const int64_t allocations = NumSystemAllocations(), news = num_news;
    const Timer timer;
    const double cpu = ProcessCpuSeconds();
    pool.ParallelFor(cell->threads, run);
    cell->news = num_news - news;
    const double audio = opts_.seconds * cell->threads * cell->mode.streams;
    cell->rtfs.push_back(timer.Elapsed() / audio);
    cell->cpu_rtfs.push_back((ProcessCpuSeconds() - cpu) / audio);
    cell->allocations = NumSystemAllocations() - allocations;
    const std::array<double, kNumStages> after = StageSeconds();
    for (size_t i = 0; i < kNumStages; ++i) cell->stages[i] += after[i] - before[i];
  }

  // Encoder and CTC head of one utterance, or of streams whose chunks arrive at the same time.
  void Run(const Mode &mode) const {
    if (!mode.encode.streaming) {
      std::vector<Utterance> batch;
      for (int i = 0; i < mode.streams; ++i) {
        batch.push_back({Feats(i), [&](Tensor out, std::exception_ptr error) {
                           if (error) std::rethrow_exception(error);
                           CtcLogProbs(ctx_, model_, out);
                         }});
      }
      EncodeBatch(ctx_, model_.Encoder(), mode.encode, batch);
      return;
    }
    StreamScheduler scheduler(ctx_, model_.Encoder(), mode.encode, mode.streams);
    for (int i = 0; i < mode.streams; ++i) {
      const int64_t id = scheduler.Open();
      scheduler.Accept(id, Feats(i));
      scheduler.Finish(id);
    }
    for (;;) {
      const StreamBatch batch = scheduler.Step();
      if (batch.items.empty()) break;
      if (batch.frames.Rows() > 0) CtcLogProbs(ctx_, model_, batch.frames);
    }
  }

  // A step reads the weights once: a whole utterance, a batch, or a chunk of every stream.
  double Steps(const Mode &mode) const {
    if (!mode.encode.streaming) return 1;
    return std::ceil(static_cast<double>(model_.Encoder().OutLength(frames_)) /
                     mode.encode.chunk_size);
  }

  // Per router and step.
  double Experts(const Mode &mode) const {
    const Encoder &encoder = model_.Encoder();
    DistinctExperts experts;
    ForwardMode forward;
    forward.routes = &experts;
    Tensor out;
    RaggedShape out_shape;
    if (!mode.encode.streaming) {
      RaggedShape shape;
      Tensor batch(frames_ * mode.streams, feats_.Cols());
      for (int i = 0; i < mode.streams; ++i) {
        shape.Append(frames_);
        std::copy_n(Feats(i).Data(), Feats(i).Size(), shape.Rows(batch.View(), i).Data());
      }
      encoder.Forward(ctx_, forward, MatrixOnDevice(ctx_, batch), shape, &out, &out_shape, nullptr,
                      nullptr);
      return experts.Mean();
    }
    forward.max_cache = mode.encode.MaxCache();
    const int64_t window = encoder.WindowLength(mode.encode.chunk_size);
    const int64_t step = mode.encode.chunk_size * encoder.SubsamplingRate();
    std::vector<StreamState> states;
    for (int i = 0; i < mode.streams; ++i) states.push_back(encoder.NewStream());
    for (StreamState &state : states) forward.streams.push_back(&state);
    for (int64_t begin = 0; begin + window <= frames_; begin += step) {
      Tensor batch(window * mode.streams, feats_.Cols());
      RaggedShape shape;
      for (int i = 0; i < mode.streams; ++i) {
        std::copy_n(Feats(i).Row(begin), window * feats_.Cols(), batch.View().Row(i * window));
        shape.Append(window);
      }
      encoder.Forward(ctx_, forward, MatrixOnDevice(ctx_, batch), shape, &out, &out_shape, nullptr,
                      nullptr);
    }
    return experts.Mean();
  }

 public:
  // Seconds of both attention decoders for 10 hypotheses of 30 units and the frames of one
  // utterance, per second of audio; the hypotheses are random, so they share little.
  double RescoringRtf() const {
    Rng rng(7);
    const Tensor encoded =
        RandomRows(&rng, model_.Encoder().OutLength(frames_), model_.Config().encoder.model_dim);
    std::vector<std::vector<int32_t>> hyps(10, std::vector<int32_t>(30));
    for (auto &hyp : hyps) {
      for (int32_t &unit : hyp)
        unit = 1 + static_cast<int32_t>(rng.Uniform(0, model_.Config().vocab_size - 2));
    }
    const ModelScorer scorer(ctx_, model_);
    double best = std::numeric_limits<double>::infinity();
    for (int round = 0; round <= opts_.rounds; ++round) {
      const Timer timer;
      const double begin = ThreadCpuSeconds();
      scorer.LeftToRight(encoded)->Score(hyps);
      if (model_.HasRightDecoder()) scorer.RightToLeft(encoded)->Score(hyps);
      best = std::min(best, ctx_.OnCuda() ? timer.Elapsed() : ThreadCpuSeconds() - begin);
    }
    return best / opts_.seconds;
  }
  int64_t Frames() const { return frames_; }

 private:
  // What stream i says. Streams that say the same would share their experts.
  ConstView Feats(int i) const { return feats_.View().RowRange(kApart * i, frames_); }

  static constexpr int64_t kApart = 7;  // frames
  Context ctx_;
  const AsrModel &model_;
  WeightBytes weights_;
  BenchOptions opts_;
  int64_t frames_ = 0;
  Tensor feats_;
};

// Of the encoder's and CTC head's linear maps, in memory. A step reads the experts that its rows
// chose, and all the others.
WeightBytes WeightBytesOf(AsrModel *model) {
  WeightBytes weights;
  weights.num_experts = model->Config().encoder.ffn.num_experts;
  const auto add = [&](const ParamInfo &info, Tensor *weight, PackedMatrix *packed) {
    const int64_t bytes =
        packed->Empty() ? weight->Size() * static_cast<int64_t>(sizeof(float)) : packed->Bytes();
    (info.use.role == ParamRole::kExpert ? weights.experts : weights.others) +=
        1e-6 * static_cast<double>(bytes);
  };
  for (const auto piece : {AsrModel::Piece::kEncoder, AsrModel::Piece::kCtc}) {
    AsrModel::Alone alone{model, piece};
    ForEachParamOrPacked(
        &alone, [](const ParamInfo &, Tensor *) {}, add);
  }
  return weights;
}

// What BenchRouting changes is worked out on the host, whatever the device: offsets of norms and
// the policy.
void ApplyRouting(const Context &ctx, const BenchRouting &routing, const BenchOptions &opts,
                  const std::string &file, const PrecisionOptions &precision, AsrModel *model) {
  const uint64_t seed = static_cast<uint64_t>(opts.seed);
  if (ctx.OnHost()) {
    routing.Apply(ctx, seed, model);
    return;
  }
  std::string name;
  const Context host;
  const std::unique_ptr<AsrModel> on_host =
      ReadModelForInference(host, file, precision, nullptr, &name);
  routing.Apply(host, seed, on_host.get());
  std::map<std::string, const Tensor *> tensors;
  const auto packed = [](const ParamInfo &, Tensor *, PackedMatrix *) {};
  ForEachParamOrPacked(
      on_host.get(), [&](const ParamInfo &info, Tensor *t) { tensors[info.name] = t; }, packed);
  ForEachParamOrPacked(
      model, [&](const ParamInfo &info, Tensor *t) { *t = tensors.at(info.name)->ToDevice(ctx); },
      packed);
  model->SetPolicy(on_host->Policy());
}

int Run(int argc, char *argv[]) {
  OptionParser po(
      "Speed of a model on random features: whole utterances, batches of them, one live stream, "
      "many streams.\n\n"
      "Usage: scale-bench [options] <model>\n"
      "  e.g. scale-bench --precision=int8 --json=moe-1b.int8.json moe-1b.safetensors\n");
  BenchOptions opts;
  EncodeOptions chunks;
  chunks.chunk_size = 16;
  chunks.num_left_chunks = 4;
  DeviceOptions device;
  PrecisionOptions precision_opts;
  BenchRouting routing;
  chunks.Register(&po);
  routing.Register(&po);
  device.Register(&po);
  precision_opts.Register(&po);
  opts.Register(&po);
  if (!po.Parse(argc, argv, 1, 1, InputArgs{1})) return 0;
  opts.Check();
  precision_opts.Check();
  chunks.streaming = true;
  chunks.Check();
  if (chunks.chunk_size < 1) throw UsageError("live streams need a --chunk-size");

  const double copy_gigabytes = CopyGigabytes();  // before the model: peak memory is the process's
  const Context ctx = device.MakeContext();
  ModelInfo info;
  std::string precision;
  const Timer load;
  const std::unique_ptr<AsrModel> model =
      ReadModelForInference(ctx, po.Arg(0), precision_opts, &info, &precision);
  const double load_seconds = load.Elapsed();  // with packing, where the file holds plain tensors
  chunks.CheckModel(model->Config().encoder);

  ApplyRouting(ctx, routing, opts, po.Arg(0), precision_opts, model.get());
  const WeightBytes weights = WeightBytesOf(model.get());
  Bench bench(ctx, *model, weights, opts, FrameShiftSeconds(info));
  nlohmann::ordered_json report = {{"model", po.Arg(0)},
                                   {"precision", precision},
                                   {"experts", model->Policy().ToString()},
                                   {"machine", DescribeMachine(ctx)},
                                   {"audio_seconds", opts.seconds},
                                   {"rounds", opts.rounds},
                                   {"load_seconds", load_seconds},
                                   {"weight_megabytes", weights.others},
                                   {"expert_megabytes", weights.experts},
                                   {"gflop", EncoderGflop(model.get(), bench.Frames())},
                                   {"sgemm_gflops", SgemmGflops(ctx)},
                                   {"copy_gigabytes", copy_gigabytes},
                                   {"batch_size", opts.BatchSize()}};
  report["rows"] = bench.Measure({{"whole", EncodeOptions(), 1},
                                  {"batch", EncodeOptions(), opts.BatchSize()},
                                  {"chunks", chunks, 1},
                                  {"streams", chunks, opts.streams}});
  report["rescoring_rtf"] = bench.RescoringRtf();
  report["peak_megabytes"] = PeakMegabytes();

  std::printf("%s, %s, %.1f s of audio, %d rounds, %s\n", po.Arg(0).c_str(), precision.c_str(),
              opts.seconds, opts.rounds, report["machine"].get<std::string>().c_str());
  std::printf(
      "load %.3f s, peak %.0f MB, sgemm %.1f GFLOP/s, copies %.1f GB/s, rescoring 10 x 30 RTF "
      "%.4f\n",
      load_seconds, report["peak_megabytes"].get<double>(), report["sgemm_gflops"].get<double>(),
      copy_gigabytes, report["rescoring_rtf"].get<double>());
  // of copy: the weights read, of the bytes that a copy reads and writes in that time; where it is
  // near 1, bytes bind.
  std::printf("%-8s %7s %9s %9s %9s %8s %9s %7s %8s\n", "mode", "threads", "RTF", "median", "CPU",
              "experts", "MB read", "GB/s", "of copy");
  for (const auto &row : report["rows"]) {
    std::printf("%-8s %7d %9.4f %9.4f %9.4f %8.2f %9.0f %7.2f %8.2f\n",
                row["mode"].get<std::string>().c_str(), row["threads"].get<int>(),
                row["rtf"]["min"].get<double>(), row["rtf"]["p50"].get<double>(),
                row["cpu_rtf"]["min"].get<double>(), row["distinct_experts"].get<double>(),
                row["megabytes_read"].get<double>(), row["gigabytes_per_second"].get<double>(),
                row["gigabytes_per_second"].get<double>() / copy_gigabytes);
  }
  if (opts.json.empty()) return 0;
  Output out(opts.json);
  out.Stream() << report.dump(1) << "\n";
  out.Close();
  return 0;
}

}  // namespace
}  // namespace u2moe

U2MOE_MAIN(u2moe::Run)
