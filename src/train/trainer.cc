#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/timer.h"
#include "ops/ctc-loss.h"
#include "ops/elementwise.h"
#include "train/dynamic-chunk.h"
#include "util/progress.h"

namespace u2moe {
namespace {

// Independent random streams of one run.
enum Stream : uint64_t { kOrderStream = 1, kMaskStream, kAugmentStream, kDropoutStream };

uint64_t StreamSeed(int32_t seed, Stream stream, int32_t epoch, int64_t index) {
  const uint64_t s = SubSeed(static_cast<uint64_t>(seed), static_cast<uint64_t>(stream));
  return SubSeed(SubSeed(s, static_cast<uint64_t>(epoch)), static_cast<uint64_t>(index));
}

}  // namespace

void TrainOptions::Register(OptionParser *po) {
  po->Register("epochs", &epochs, "passes over the training data");
  po->Register("batch-size", &batch_size, "utterances per batch");
  po->Register("bucket-size", &bucket_size,
               "utterances that are sorted by length together before they are batched");
  po->Register("learning-rate", &learning_rate,
               "highest learning rate, reached after --warmup-steps");
  po->Register("warmup-steps", &warmup_steps,
               "optimizer steps of rising rate; afterwards it falls as 1/sqrt(step)");
  po->Register("grad-clip", &grad_clip, "largest 2-norm of the whole gradient; 0: no clipping");
  po->Register("accum-grad", &accum_grad,
               "batches whose gradients are averaged into one step; fewer at the end of an epoch");
  po->Register("seed", &seed, "seed of data order, chunk sizes, masks and dropout");
  po->Register("threads", &threads,
               "threads that share each batch. With conv-norm=batch-norm each thread normalises by "
               "the statistics of its own share, and those of the first are kept for decoding, so "
               "results depend on this number");
  po->Register("max-skipped-steps", &max_skipped_steps,
               "stop after this many steps without a finite gradient");
  po->Register(
      "exit-ctc-weight", &exit_ctc_weight,
      "with --exit-blank: share of the CTC loss that is of the CTC head after --exit-block");
  po->Register("spec-augment", &spec_augment,
               "mask stretches of time and frequency, and substitute frames");
  spec.Register(po);
}

void TrainOptions::Check() const {
  if (epochs < 1) throw UsageError("--epochs=", epochs, ": expected at least 1");
  if (batch_size < 1) throw UsageError("--batch-size=", batch_size, ": expected at least 1");
  if (bucket_size < 1) throw UsageError("--bucket-size=", bucket_size, ": expected at least 1");
  if (!(learning_rate > 0 && std::isfinite(learning_rate)))
    throw UsageError("--learning-rate=", learning_rate, ": expected a positive number");
  if (warmup_steps < 0) throw UsageError("--warmup-steps=", warmup_steps, ": expected 0 or more");
  if (!(grad_clip >= 0)) throw UsageError("--grad-clip=", grad_clip, ": expected 0 or more");
  if (accum_grad < 1) throw UsageError("--accum-grad=", accum_grad, ": expected at least 1");
  if (threads < 1) throw UsageError("--threads=", threads, ": expected at least 1");
  if (!(exit_ctc_weight >= 0 && exit_ctc_weight < 1))
    throw UsageError("--exit-ctc-weight=", exit_ctc_weight, ": must be in [0, 1)");
  spec.Check();
}

std::string TrainOptions::ToString() const {
  return Cat("epochs=", epochs, " batch-size=", batch_size, " bucket-size=", bucket_size,
             " learning-rate=", learning_rate, " warmup-steps=", warmup_steps,
             " grad-clip=", grad_clip, " accum-grad=", accum_grad, " seed=", seed,
             " threads=", threads, " exit-ctc-weight=", exit_ctc_weight,
             " spec-augment=", spec_augment, spec_augment ? " " + spec.ToString() : std::string());
}

std::string EpochReport::ToJson() const {
  nlohmann::ordered_json j{{"epoch", epoch}};
  const auto add = [&j](const std::string &set, const LossSums &s) {
    const double n = static_cast<double>(std::max<int64_t>(1, s.num_utterances));
    j[set + "_loss"] = s.loss / n;
    j[set + "_ctc"] = s.ctc / n;
    if (s.exit_ctc > 0) j[set + "_exit_ctc"] = s.exit_ctc / n;
    j[set + "_l2r"] = s.l2r / n;
    j[set + "_r2l"] = s.r2l / n;
    j[set + "_accuracy"] = static_cast<double>(s.num_correct) /
                           static_cast<double>(std::max<int64_t>(1, s.num_tokens));
  };
  add("train", train);
  if (dev.num_utterances > 0) add("dev", dev);
  j["steps"] = steps;
  j["skipped_steps"] = skipped_steps;
  j["learning_rate"] = learning_rate;
  j["grad_norm"] = grad_norm;
  j["frames"] = frames;
  j["wall_seconds"] = wall_seconds;
  j["cpu_seconds"] = cpu_seconds;
  j["frames_per_second"] = static_cast<double>(frames) / std::max(wall_seconds, 1e-9);
  j["frames_per_cpu_second"] = static_cast<double>(frames) / std::max(cpu_seconds, 1e-9);
  j["dev_seconds"] = dev_seconds;
  return j.dump();
}

namespace {

// Beyond what a logarithm of an energy can be, though other features may be as large.
constexpr float kUnusual = 1e4f;
// What no feature can be; its squares are not far from the end of float32.
constexpr float kImpossible = 1e15f;

// Without dropout, under no mask.
LossSums UtteranceLoss(const Context &ctx, const AsrModel &model, const TrainUtterance &u,
                       double exit_ctc_weight) {
  TrainBatch batch;
  batch.feats = u.feats;
  batch.shape = RaggedShape::Single(u.feats.Rows());
  batch.labels.push_back(u.labels);
  LossOptions options;
  options.exit_ctc_weight = exit_ctc_weight;
  try {
    return ComputeLoss(ctx, model, batch, options, nullptr, nullptr);
  } catch (const DataError &e) {  // a router meets NaN before the loss does
    throw DataError("utterance ", u.key, ": ", e.what());
  }
}

}  // namespace

const char *UnfitName(Unfit unfit) {
  switch (unfit) {
    case Unfit::kNo:
      return "nothing";
    case Unfit::kLabel:
      return "labels that are no units of the model";
    case Unfit::kDimension:
      return "features of another dimension";
    case Unfit::kValue:
      return "NaN, infinity or impossible values in the features";
    case Unfit::kFrames:
      return "more labels than frames, or too few frames";
    case Unfit::kLoss:
      return "a loss that is not finite";
  }
  return "";
}

Unfit FindUnfit(const AsrModel &model, const TrainUtterance &u, std::string *why) {
  const ModelConfig &config = model.Config();
  for (int32_t label : u.labels) {
    if (label < 0 || label >= config.vocab_size || label == config.blank) {
      *why = Cat("label ", label, " is not a unit of the model (1 to ", config.vocab_size - 1,
                 ", blank ", config.blank, "); were the tokens made with the model's units.txt?");
      return Unfit::kLabel;
    }
  }
  if (u.feats.Cols() != config.encoder.feature_dim) {
    *why = Cat("features have ", u.feats.Cols(), " dimensions, the model wants ",
               config.encoder.feature_dim);
    return Unfit::kDimension;
  }
  float largest = 0;
  for (int64_t i = 0; i < u.feats.Size(); ++i) {
    const float x = std::abs(u.feats.Data()[i]);
    if (!std::isfinite(x)) {
      *why = "features hold NaN or infinity; extract them again";
      return Unfit::kValue;
    }
    largest = std::max(largest, x);
  }
  if (largest > kImpossible) {
    *why = Cat("features hold values of ", largest, ", which no sound has; extract them again");
    return Unfit::kValue;
  }
  const int64_t frames = model.Encoder().OutLength(u.feats.Rows()), needed = CtcMinFrames(u.labels);
  if (frames < std::max<int64_t>(1, needed)) {
    *why = Cat(u.feats.Rows(), " feature frames give ", frames, " encoder frames, too few for ",
               u.labels.size(), " labels, which need ", std::max<int64_t>(1, needed),
               "; is the transcript right?");
    return Unfit::kFrames;
  }
  if (largest > kUnusual) {
    bool finite = false;
    try {
      finite =
          std::isfinite(UtteranceLoss(Context(), model, u, LossOptions().exit_ctc_weight).loss);
    } catch (const DataError &) {
    }
    if (!finite) {
      *why =
          Cat("its loss is not finite, with features of up to ", largest, "; extract them again");
      return Unfit::kLoss;
    }
  }
  return Unfit::kNo;
}

Trainer::Trainer(const TrainOptions &opts, AsrModel *model, const std::vector<TrainUtterance> *data)
    : opts_(opts),
      model_(model),
      data_(data),
      pool_(opts.threads),
      optimizer_(AdamOptions(), opts.grad_clip, model) {
  for (const TrainUtterance &u : *data) lengths_.push_back(u.feats.Rows());
  for (int i = 0; i < opts.threads; ++i) {
    grads_.push_back(std::make_unique<AsrModel>(model->Config()));
    SetZero(grads_.back().get());
  }
}

TrainBatch Trainer::MakeBatch(const std::vector<int> &utterances, int32_t epoch) const {
  TrainBatch batch;
  std::vector<Tensor> feats;
  for (int i : utterances) {
    const TrainUtterance &u = (*data_)[static_cast<size_t>(i)];
    Tensor x = u.feats;
    int64_t frames = x.Rows();
    if (opts_.spec_augment) {
      Rng rng(SubSeed(StreamSeed(opts_.seed, kAugmentStream, epoch, 0), u.key));
      const int64_t kept = ApplySpecAugment(opts_.spec, DrawFrom(&rng), x);
      // Trimming must not make the labels unfit.
      if (model_->Encoder().OutLength(kept) >= std::max<int64_t>(1, CtcMinFrames(u.labels)))
        frames = kept;
    }
    batch.shape.Append(frames);
    batch.labels.push_back(u.labels);
    feats.push_back(std::move(x));
  }
  batch.feats = Tensor(batch.shape.TotalRows(), model_->Config().encoder.feature_dim);
  for (int b = 0; b < batch.shape.NumSequences(); ++b) {
    CopyTo(ctx_, feats[static_cast<size_t>(b)].View().RowRange(0, batch.shape.Length(b)),
           batch.shape.Rows(batch.feats.View(), b));
  }
  return batch;
}

LossSums Trainer::RunBatch(const std::vector<int> &batch, int32_t epoch, int64_t index,
                           int group_size) {
  LossOptions options;
  options.exit_ctc_weight = opts_.exit_ctc_weight;
  const EncoderConfig &encoder = model_->Config().encoder;
  int64_t longest = 0, num_tokens = 0;
  for (int i : batch) {
    longest = std::max(longest, lengths_[static_cast<size_t>(i)]);
    num_tokens += static_cast<int64_t>((*data_)[static_cast<size_t>(i)].labels.size()) + 1;
  }
  if (encoder.dynamic_chunk) {
    Rng rng(StreamSeed(opts_.seed, kMaskStream, epoch, index));
    options.mask = DrawChunkMask(model_->Encoder().OutLength(longest), encoder.subsampling,
                                 encoder.dynamic_left_chunk, DrawFrom(&rng));
  }
  options.utterance_divisor = static_cast<double>(batch.size()) * group_size;
  options.token_divisor = static_cast<double>(num_tokens) * group_size;
  const std::vector<std::vector<int>> shards = SplitIntoShards(batch, lengths_, opts_.threads);
  std::vector<LossSums> sums(shards.size());
  const auto run = [&](int64_t s) {
    const std::vector<int> &shard = shards[static_cast<size_t>(s)];
    if (shard.empty()) return;
    const TrainBatch part = MakeBatch(shard, epoch);
    DropoutSeeds dropout(
        SubSeed(StreamSeed(opts_.seed, kDropoutStream, epoch, index), static_cast<uint64_t>(s)));
    LossOptions shard_options = options;
    shard_options.dropout = &dropout;
    // Running statistics of batch norm follow the first shard: threads must not race for them.
    sums[static_cast<size_t>(s)] =
        ComputeLoss(ctx_, *model_, part, shard_options, grads_[static_cast<size_t>(s)].get(),
                    s == 0 ? model_ : nullptr);
  };
  if (opts_.threads == 1) {
    run(0);
  } else {
    pool_.ParallelFor(opts_.threads, run);
  }
  LossSums total;
  for (const LossSums &s : sums) total.Add(s);
  return total;
}

LossSums Trainer::LossOf(const TrainUtterance &utterance) const {
  return UtteranceLoss(ctx_, *model_, utterance, opts_.exit_ctc_weight);
}

bool Trainer::HasFiniteLoss(const TrainUtterance &utterance) const {
  try {
    return std::isfinite(LossOf(utterance).loss);
  } catch (const DataError &) {
    return false;
  }
}

std::string Trainer::Blame(const std::vector<int> &utterances) const {
  std::string bad, all;
  size_t num_bad = 0;
  for (size_t i = 0; i < utterances.size(); ++i) {
    const TrainUtterance &u = (*data_)[static_cast<size_t>(utterances[i])];
    constexpr size_t kNamed = 10;
    if (i < kNamed) all += " " + u.key;
    if (i == kNamed) all += " ...";
    if (!HasFiniteLoss(u) && ++num_bad <= kNamed) bad += " " + u.key;
  }
  if (num_bad == 0) return "each of its utterances alone has a finite loss:" + all;
  if (num_bad == utterances.size())
    return Cat("none of its ", num_bad, " utterances has a finite loss:", bad);
  return Cat(num_bad, " of its ", utterances.size(), " utterances have no finite loss:", bad);
}

void Trainer::CheckEpoch(const EpochReport &report, int64_t good_steps, int64_t steps) const {
  const std::string remedy =
      Cat("; lower --learning-rate (", opts_.learning_rate,
          ") or raise --warmup-steps, or look at the features; no model is written");
  if (good_steps == 0) {
    throw Error("epoch ", report.epoch, ": not one of its ", steps,
                " steps had a finite loss and gradient, so nothing was learnt", remedy);
  }
  // A model that has broken down in the last steps shows it in any utterance.
  const size_t num_tried = std::min<size_t>(10, data_->size());
  const auto finite = [this](const TrainUtterance &u) { return HasFiniteLoss(u); };
  if (good_steps < steps &&
      std::none_of(data_->begin(), data_->begin() + static_cast<int64_t>(num_tried), finite)) {
    throw Error("epoch ", report.epoch, ": the training has diverged, ", steps - good_steps,
                " of its ", steps, " steps were skipped, and none of the first ", num_tried,
                " utterances has a finite loss any more", remedy);
  }
  // Of a model that thinks all units equally likely in every frame and place.
  const double guess = std::log(static_cast<double>(model_->Config().vocab_size)) *
                       (static_cast<double>(report.frames) / model_->Encoder().SubsamplingRate() +
                        static_cast<double>(report.train.num_tokens));
  constexpr double kFactor = 10;
  if (report.train.loss > kFactor * guess) {
    const double n = static_cast<double>(std::max<int64_t>(1, report.train.num_utterances));
    throw Error("epoch ", report.epoch, ": the training has diverged, its mean loss is ",
                report.train.loss / n, ", that of guessing would be about ", guess / n, remedy);
  }
}

EpochReport Trainer::TrainEpoch(int32_t epoch) {
  EpochReport report;
  report.epoch = epoch;
  Rng order(StreamSeed(opts_.seed, kOrderStream, epoch, 0));
  const auto batches = MakeEpochBatches(lengths_, opts_.batch_size, opts_.bucket_size, &order);
  const Timer timer;
  const double cpu_begin = ProcessCpuSeconds();
  Progress progress(Cat("epoch ", epoch, " of ", opts_.epochs, ", batches"),
                    static_cast<int64_t>(batches.size()));
  double norms = 0;
  int64_t good_steps = 0, steps = 0;
  const size_t group = static_cast<size_t>(opts_.accum_grad);
  for (size_t begin = 0; begin < batches.size(); begin += group, ++steps) {
    const size_t end = std::min(begin + group, batches.size());
    LossSums sums;
    std::string failure;
    for (size_t i = begin; i < end; ++i) {
      try {
        sums.Add(
            RunBatch(batches[i], epoch, static_cast<int64_t>(i), static_cast<int>(end - begin)));
      } catch (const DataError &e) {  // of a router that met NaN
        failure = Cat(" (", e.what(), ")");
      }
      for (int u : batches[i]) report.frames += lengths_[static_cast<size_t>(u)];
      const double n = static_cast<double>(report.train.num_utterances + sums.num_utterances);
      progress.Add(
          1, Cat("loss ", (report.train.loss + sums.loss) / std::max(1.0, n), ", ",
                 std::llround(static_cast<double>(report.frames) / timer.Elapsed()), " frames/s"));
    }
    // Thread by thread in a fixed order: the same bits in every run.
    for (size_t t = 1; t < grads_.size(); ++t) {
      const std::vector<Tensor *> from = TrainableTensors(grads_[t].get()),
                                  to = TrainableTensors(grads_[0].get());
      for (size_t p = 0; p < to.size(); ++p) AddTo(ctx_, 1, *from[p], *to[p]);
      SetZero(grads_[t].get());
    }
    report.learning_rate = WarmupLearningRate(opts_.learning_rate, opts_.warmup_steps,
                                              optimizer_.NumSteps() + optimizer_.NumSkipped() + 1);
    double norm = std::numeric_limits<double>::quiet_NaN();
    if (failure.empty() && std::isfinite(sums.loss)) {
      norm = optimizer_.Step(ctx_, report.learning_rate, grads_[0].get());
    } else {
      optimizer_.Skip();
    }
    SetZero(grads_[0].get());
    if (std::isfinite(norm)) {
      report.train.Add(sums);
      norms += norm;
      ++good_steps;
      continue;
    }
    std::vector<int> utterances;
    for (size_t i = begin; i < end; ++i)
      utterances.insert(utterances.end(), batches[i].begin(), batches[i].end());
    LOG_WARN << "epoch " << epoch << " step " << steps + 1
             << ": loss or gradient is not finite; step skipped; " << Blame(utterances) << failure;
    if (optimizer_.NumSkipped() > opts_.max_skipped_steps) {
      throw Error(optimizer_.NumSkipped(),
                  " steps without a finite gradient; lower --learning-rate or look at the data, or "
                  "raise --max-skipped-steps");
    }
  }
  CheckEpoch(report, good_steps, steps);
  report.steps = optimizer_.NumSteps();
  report.skipped_steps = optimizer_.NumSkipped();
  report.grad_norm = norms / static_cast<double>(good_steps);
  report.wall_seconds = timer.Elapsed();
  report.cpu_seconds = ProcessCpuSeconds() - cpu_begin;
  return report;
}

LossSums Trainer::DevLoss(const std::vector<TrainUtterance> &dev,
                          std::vector<std::string> *failed) {
  std::vector<LossSums> sums(dev.size());
  pool_.ParallelFor(static_cast<int64_t>(dev.size()), [&](int64_t i) {
    LossSums &sum = sums[static_cast<size_t>(i)];
    const TrainUtterance &u = dev[static_cast<size_t>(i)];
    try {
      sum = LossOf(u);
    } catch (const DataError &) {
      sum = LossSums();
      sum.loss = std::numeric_limits<double>::quiet_NaN();
      sum.num_utterances = 1;
    }
  });
  LossSums total;
  for (size_t i = 0; i < dev.size(); ++i) {
    total.Add(sums[i]);
    if (failed != nullptr && !std::isfinite(sums[i].loss)) failed->push_back(dev[i].key);
  }
  return total;
}

}  // namespace u2moe
