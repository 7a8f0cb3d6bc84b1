#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/timer.h"
#include "ops/ctc-loss.h"
#include "ops/elementwise.h"
#include "train/dynamic-chunk.h"
#include "train/trainable.h"
#include "util/progress.h"

namespace u2moe {
namespace {

// Independent random streams of one run.
enum Stream : uint64_t {
  kOrderStream = 1,
  kMaskStream,
  kAugmentStream,
  kDropoutStream,
  kRouterStream,
  kElasticStream,
  kShareStream
};

uint64_t EpochSeed(int32_t seed, Stream stream, int32_t epoch) {
  const uint64_t s = SubSeed(static_cast<uint64_t>(seed), static_cast<uint64_t>(stream));
  return SubSeed(SubSeed(s, static_cast<uint64_t>(epoch)), uint64_t{0});
}

// Of a batch: of its utterances, in whatever order.
uint64_t BatchSeed(uint64_t epoch_seed, const LoadedBatch &batch) {
  uint64_t sum = 0;
  for (const auto &u : batch.utterances) sum += SubSeed(epoch_seed, u->key);
  return Mix64(sum);
}

// The policy of a model, which is as before when this goes.
class PolicyScope {
 public:
  explicit PolicyScope(AsrModel *model) : model_(model), before_(model->Policy()) {}
  ~PolicyScope() { model_->SetPolicy(before_); }
  PolicyScope(const PolicyScope &) = delete;
  PolicyScope &operator=(const PolicyScope &) = delete;

 private:
  AsrModel *model_;
  const ExpertPolicy before_;
};

}  // namespace

Trainer::Trainer(const TrainOptions &opts, AsrModel *model, const DataSource *data,
                 int64_t read_ahead_bytes)
    : opts_(opts),
      model_(model),
      data_(data),
      read_ahead_bytes_(read_ahead_bytes),
      lengths_(data->Lengths()),
      ctx_(opts.device.MakeContext()),
      pool_(opts.threads),
      gradients_(model, ctx_),
      optimizer_(AdamOptions(), opts.grad_clip, model, opts.roles),
      loads_(model->Config()),
      links_(opts.aux.network,
             static_cast<double>(model->Config().encoder.model_dim) * sizeof(float)) {
  if (opts.threads > opts.shards) {
    LOG_WARN << "--threads=" << opts.threads << ": a batch has only --shards=" << opts.shards
             << " parts for them; more shards change results a little";
  }
}

TrainBatch Trainer::MakeBatch(const std::vector<const TrainUtterance *> &utterances,
                              int32_t epoch) const {
  TrainBatch batch;
  std::vector<Tensor> feats;
  for (const TrainUtterance *u : utterances) {
    Tensor x = u->feats;
    int64_t frames = x.Rows();
    if (opts_.spec_augment) {
      Rng rng(SubSeed(EpochSeed(opts_.seed, kAugmentStream, epoch), u->key));
      const int64_t kept = ApplySpecAugment(opts_.spec, DrawFrom(&rng), x);
      // Trimming must not make the labels unfit.
      if (model_->Encoder().OutLength(kept) >= std::max<int64_t>(1, CtcMinFrames(u->labels)))
        frames = kept;
    }
    batch.shape.Append(frames);
    batch.labels.push_back(u->labels);
    feats.push_back(std::move(x));
  }
  batch.feats = Tensor(batch.shape.TotalRows(), model_->Config().encoder.feature_dim);
  const Context host;
  for (int b = 0; b < batch.shape.NumSequences(); ++b) {
    CopyTo(host, feats[static_cast<size_t>(b)].View().RowRange(0, batch.shape.Length(b)),
           batch.shape.Rows(batch.feats.View(), b));
  }
  return batch;
}

LossTerms Trainer::RunBatch(const LoadedBatch &batch, int32_t epoch, int group_size) {
  LossOptions options;
  options.exit_ctc_weight = opts_.exit_ctc_weight;
  options.aux_factor = opts_.aux.Factor(epoch);
  options.by_layer = opts_.aux.verbose_losses;
  options.topology = opts_.aux.network.get();
  options.teacher = opts_.teacher.model.get();
  options.teacher_weight = opts_.teacher.teacher_weight;
  options.teacher_temperature = opts_.teacher.teacher_temperature;
  options.route_teacher = opts_.route_teacher.model.get();
  options.route_teacher_weight = opts_.route_teacher.route_teacher_weight;
  const PolicyScope scope(model_);
  int32_t num_experts = 0;
  if (opts_.elastic) {
    ExpertPolicy policy = model_->Policy();
    const int32_t most = policy.experts_per_frame > 0
                             ? policy.experts_per_frame
                             : MostExpertsPerFrame(model_->Config(), "--elastic");
    Rng rng(BatchSeed(EpochSeed(opts_.seed, kElasticStream, epoch), batch));
    num_experts = policy.experts_per_frame = static_cast<int32_t>(rng.UniformInt(1, most));
    model_->SetPolicy(policy);
  }
  options.embed_ctc_weight = opts_.embed_ctc_weight;
  const EncoderConfig &encoder = model_->Config().encoder;
  std::vector<int64_t> lengths;
  std::vector<int> places;
  int64_t num_frames = 0, longest = 0, num_tokens = 0;
  for (const auto &u : batch.utterances) {
    places.push_back(static_cast<int>(lengths.size()));
    lengths.push_back(u->feats.Rows());
    num_frames += u->feats.Rows();
    longest = std::max(longest, u->feats.Rows());
    num_tokens += static_cast<int64_t>(u->labels.size()) + 1;
  }
  if (encoder.dynamic_chunk) {
    Rng rng(BatchSeed(EpochSeed(opts_.seed, kMaskStream, epoch), batch));
    options.mask = DrawChunkMask(model_->Encoder().OutLength(longest), encoder.subsampling,
                                 encoder.dynamic_left_chunk, DrawFrom(&rng));
  }
  options.utterance_divisor = static_cast<double>(batch.utterances.size()) * group_size;
  options.token_divisor = static_cast<double>(num_tokens) * group_size;
  const int64_t num_shards = std::clamp<int64_t>(num_frames / opts_.shard_frames, 1, opts_.shards);
  std::vector<std::vector<int>> shards =
      SplitIntoShards(places, lengths, static_cast<int>(num_shards));
  shards.erase(std::remove_if(shards.begin(), shards.end(),
                              [](const std::vector<int> &shard) { return shard.empty(); }),
               shards.end());
  const uint64_t dropout_seed = EpochSeed(opts_.seed, kDropoutStream, epoch);
  const uint64_t router_seed = EpochSeed(opts_.seed, kRouterStream, epoch);
  const uint64_t shared_seed = BatchSeed(dropout_seed, batch);
  std::vector<LossTerms> terms(shards.size());
  std::vector<LoadCounter> counters(shards.size());
  const auto rank_of = [&](size_t shard) {
    const Topology *network = opts_.aux.network.get();
    return network == nullptr ? 0 : static_cast<int>(shard) % network->num_ranks;
  };
  const bool keep_running = opts_.roles.IsFrozen(ParamRole::kNorm);
  gradients_.AddBatch(&pool_, static_cast<int>(shards.size()), [&](int shard, AsrModel *grad) {
    const size_t s = static_cast<size_t>(shard);
    std::vector<const TrainUtterance *> utterances;
    std::vector<uint64_t> seeds;
    std::vector<SequenceFacts> sequences;
    for (const int i : shards[s]) {
      utterances.push_back(batch.utterances[static_cast<size_t>(i)].get());
      seeds.push_back(SubSeed(dropout_seed, utterances.back()->key));
      SequenceFacts facts;
      facts.seed = SubSeed(router_seed, utterances.back()->key);
      facts.training = true;
      facts.tag = utterances.back()->tag;
      sequences.push_back(facts);
    }
    DropoutSeeds dropout(shared_seed, std::move(seeds));
    LossOptions shard_options = options;
    shard_options.dropout = &dropout;
    shard_options.routes = &counters[s];
    shard_options.sequences = sequences;
    shard_options.rank = rank_of(s);
    terms[s] = ComputeLoss(ctx_, *model_, MakeBatch(utterances, epoch), shard_options, grad,
                           keep_running ? nullptr : grad);
  });
  LossTerms total;
  for (const LossTerms &t : terms) total.Add(t);
  for (size_t s = 0; s < counters.size(); ++s) {
    loads_.Add(counters[s].Counts());
    links_.Add(rank_of(s), counters[s].Counts());
    AddCounts(counters[s].Counts(), 1, &step_counts_);
    drops_.Add(counters[s].Drops());
  }
  if (num_experts > 0) {
    const double n = static_cast<double>(total.num_utterances);
    total.Add("experts_per_frame", n * num_experts, 0, n);
  }
  return total;
}

bool Trainer::HasFiniteLoss(const DataSource &data, int64_t i) const {
  try {
    return std::isfinite(UtteranceLoss(ctx_, *model_, *data.Load(i), opts_.exit_ctc_weight).total);
  } catch (const DataError &) {
    return false;
  }
}

std::string Trainer::Blame(const std::vector<int> &utterances) const {
  std::string bad, all;
  size_t num_bad = 0;
  for (size_t i = 0; i < utterances.size(); ++i) {
    const std::string &key = data_->Key(utterances[i]);
    constexpr size_t kNamed = 10;
    if (i < kNamed) all += " " + key;
    if (i == kNamed) all += " ...";
    if (!HasFiniteLoss(*data_, utterances[i]) && ++num_bad <= kNamed) bad += " " + key;
  }
  if (num_bad == 0) return "each of its utterances alone has a finite loss:" + all;
  if (num_bad == utterances.size())
    return Cat("none of its ", num_bad, " utterances has a finite loss:", bad);
  return Cat(num_bad, " of its ", utterances.size(), " utterances have no finite loss:", bad);
}

void Trainer::NoteUnreadable(const LoadedBatch &batch) {
  for (const auto &[key, why] : batch.failed) {
    if (!unreadable_.insert(key).second) continue;
    LOG_WARN << "utterance " << key << ": " << why << "; its batch goes on without it";
    if (static_cast<int64_t>(unreadable_.size()) > opts_.max_skipped_steps) {
      throw Error(unreadable_.size(),
                  " utterances cannot be loaded; see the warnings above. Mend the table, take them "
                  "out of it, or raise --max-skipped-steps");
    }
  }
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
  const int64_t num_tried = std::min<int64_t>(10, data_->Size());
  bool any = good_steps == steps;
  for (int64_t i = 0; i < num_tried && !any; ++i) any = HasFiniteLoss(*data_, i);
  if (!any) {
    throw Error("epoch ", report.epoch, ": the training has diverged, ", steps - good_steps,
                " of its ", steps, " steps were skipped, and none of the first ", num_tried,
                " utterances has a finite loss any more", remedy);
  }
  // Of a model that thinks all units equally likely in every frame and place.
  const double guess = std::log(static_cast<double>(model_->Config().vocab_size)) *
                       (static_cast<double>(report.frames) / model_->Encoder().SubsamplingRate() +
                        report.train["accuracy"].count);  // tokens
  constexpr double kFactor = 10;
  if (report.train.total > kFactor * guess) {
    const double n = static_cast<double>(std::max<int64_t>(1, report.train.num_utterances));
    throw Error("epoch ", report.epoch, ": the training has diverged, its mean loss is ",
                report.train.MeanTotal(), ", that of guessing would be about ", guess / n, remedy);
  }
}

EpochReport Trainer::TrainEpoch(int32_t epoch) {
  EpochReport report;
  report.epoch = epoch;
  Rng order(EpochSeed(opts_.seed, kOrderStream, epoch));
  const auto batches =
      MakeEpochBatches(lengths_, opts_.batch_size, opts_.bucket_size, opts_.shuffle_block, &order);
  BatchStream stream(data_, &batches, read_ahead_bytes_);
  loads_.BeginEpoch(epoch);
  links_.BeginEpoch();
  drops_ = CapacityDrops();
  const Timer timer;
  const double cpu_begin = ProcessCpuSeconds();
  Progress progress(Cat("epoch ", epoch, " of ", opts_.epochs, ", batches"),
                    static_cast<int64_t>(batches.size()));
  double norms = 0;
  int64_t good_steps = 0, steps = 0;
  const size_t group = static_cast<size_t>(opts_.accum_grad);
  for (size_t begin = 0; begin < batches.size(); begin += group, ++steps) {
    const size_t end = std::min(begin + group, batches.size());
    LossTerms terms;
    std::string failure;
    step_counts_.clear();
    for (size_t i = begin; i < end; ++i) {
      const LoadedBatch &batch = stream.Next();
      NoteUnreadable(batch);
      try {
        if (!batch.utterances.empty())
          terms.Add(RunBatch(batch, epoch, static_cast<int>(end - begin)));
      } catch (const DataError &e) {  // of a router that met NaN
        failure = Cat(" (", e.what(), ")");
      }
      for (int u : batches[i]) report.frames += lengths_[static_cast<size_t>(u)];
      const double n = static_cast<double>(report.train.num_utterances + terms.num_utterances);
      const LoadWatch::Load smallest = loads_.Smallest();
      progress.Add(
          1, Cat("loss ", (report.train.total + terms.total) / std::max(1.0, n), ", ",
                 smallest.mixture.empty() ? "" : Cat("smallest load ", smallest.load, ", "),
                 std::llround(static_cast<double>(report.frames) / timer.Elapsed()), " frames/s"));
    }
    loads_.EndStep();
    links_.EndStep();
    if (failure.empty() && terms.num_utterances == 0) continue;  // nothing could be loaded
    const int64_t step = optimizer_.NumSteps() + optimizer_.NumSkipped() + 1;
    report.learning_rate = WarmupLearningRate(opts_.learning_rate, opts_.warmup_steps, step);
    double norm = std::numeric_limits<double>::quiet_NaN();
    if (failure.empty() && std::isfinite(terms.total)) {
      Rng draw(EpochSeed(opts_.seed, kShareStream, static_cast<int32_t>(step)));
      DropGradients(draw.Uniform(), gradients_.Total());
      norm = optimizer_.Step(ctx_, report.learning_rate, gradients_.Total());
    } else {
      optimizer_.Skip();
    }
    gradients_.Clear();
    if (std::isfinite(norm)) {
      model_->AfterStep(ctx_, step_counts_);
      ctx_.Synchronize();  // the threads of the pool read the weights next
      report.train.Add(terms);
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
  loads_.EndEpoch();
  report.min_load = loads_.Smallest();
  report.links = links_.Get();
  report.drops = drops_;
  report.steps = optimizer_.NumSteps();
  report.skipped_steps = optimizer_.NumSkipped();
  report.grad_norm = norms / static_cast<double>(good_steps);
  report.wall_seconds = timer.Elapsed();
  report.cpu_seconds = ProcessCpuSeconds() - cpu_begin;
  return report;
}

LossTerms Trainer::DevLoss(const DataSource &dev, std::vector<std::string> *failed) {
  std::vector<LossTerms> terms(static_cast<size_t>(dev.Size()));
  pool_.ParallelFor(dev.Size(), [&](int64_t i) {
    LossTerms *of_one = &terms[static_cast<size_t>(i)];
    try {
      *of_one = UtteranceLoss(ctx_, *model_, *dev.Load(i), opts_.exit_ctc_weight);
    } catch (const DataError &) {
      of_one->total = std::numeric_limits<double>::quiet_NaN();
      of_one->num_utterances = 1;
    }
  });
  LossTerms total;
  for (int64_t i = 0; i < dev.Size(); ++i) {
    const LossTerms &of_one = terms[static_cast<size_t>(i)];
    total.Add(of_one);
    if (failed != nullptr && !std::isfinite(of_one.total)) failed->push_back(dev.Key(i));
  }
  return total;
}

}  // namespace u2moe
