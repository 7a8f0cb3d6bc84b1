// Read-ME's distillation: routers learn which expert has the neurons that a dense model uses.
#include "train/route-teacher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "lab/convert-data.h"
#include "lab/convert-model.h"
#include "moe/read-me-target.h"
#include "support/error-test.h"
#include "support/op-test.h"
#include "train/tiny.h"
#include "train/training-run.h"

namespace u2moe {
namespace {

ModelConfig DenseConfig() {
  ModelConfig c = TinyConfig(0);
  c.encoder.ffn.num_experts = c.decoder.ffn.num_experts = 0;
  c.encoder.ffn.hidden_dim = 48;
  c.encoder.dynamic_chunk = true;
  return c;
}

std::unique_ptr<AsrModel> Dense(const ModelConfig &config = DenseConfig()) {
  auto model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), 5);
  return model;
}

// Two domains, by whether an utterance begins with a label below 3.
struct Domains {
  std::vector<TrainUtterance> utterances = TinyData(8, 1);
  std::string label;

  ConvertData Data(size_t begin = 0, size_t end = 8) {
    ConvertData data;
    data.label = [this] { return label; };
    data.for_each = [this, begin, end](const ConvertData::Use &use) {
      for (size_t i = begin; i < end; ++i) {
        label = utterances[i].labels[0] < 3 ? "a" : "b";
        use(utterances[i].feats, nullptr);
      }
    };
    return data;
  }
};

std::unique_ptr<AsrModel> Student(AsrModel *dense, float keep_share = 0.25f) {
  Domains domains;
  const ConvertData data = domains.Data();
  ConvertOptions opts;
  opts.method = "read-me";
  opts.part = "encoder";
  opts.mixture = "router-dim=16";
  opts.keep_share = keep_share;
  return ConvertModel(Context(), opts, {dense, nullptr, &data});
}

std::shared_ptr<const RouteTeacher> Teacher(AsrModel *student) {
  return std::make_shared<const RouteTeacher>(Dense(), student->Config(), student, "t");
}

TrainBatch Batch(const std::vector<TrainUtterance> &utterances, const std::vector<size_t> &which) {
  TrainBatch batch;
  std::vector<float> feats;
  for (const size_t i : which) {
    const TrainUtterance &u = utterances[i];
    batch.shape.Append(u.feats.Rows());
    batch.labels.push_back(u.labels);
    feats.insert(feats.end(), u.feats.Data(), u.feats.Data() + u.feats.Size());
  }
  batch.feats = Tensor::Copy({feats.data(), batch.shape.TotalRows(), 20});
  return batch;
}

// The logits of the first mixture, which are those of all.
struct LogitsSink : RouteSink {
  void OnRoute(ConstView l, Span<int32_t>, Span<float>) override {
    if (logits.Empty()) logits = Tensor::Copy(l);
  }
  Tensor logits;
};

Tensor LogitsOf(const AsrModel &model, const TrainUtterance &u) {
  LogitsSink sink;
  ForwardMode mode;
  mode.routes = &sink;
  Tensor out;
  RaggedShape shape;
  model.Encoder().Forward(Context(), mode, u.feats, RaggedShape::Single(u.feats.Rows()), &out,
                          &shape, nullptr, nullptr);
  return sink.logits;
}

// What the layers of the dense model want at the frames of an utterance, from their inputs and
// which neurons the student's experts have.
std::map<std::string, Tensor> Demands(AsrModel *dense, AsrModel *student, Domains *domains,
                                      size_t utterance) {
  const ConvertData data = domains->Data(utterance, utterance + 1);
  const std::vector<FeedForwardPlace> all = FeedForwardPlaces(dense->Config());
  std::vector<FeedForwardPlace> places;
  std::copy_if(all.begin(), all.end(), std::back_inserter(places), [](const FeedForwardPlace &p) {
    return p.part == FeedForwardPlace::Part::kEncoder;
  });
  const auto inputs = FeedForwardInputs(Context(), dense, places, data, 1 << 20, 1);
  const TensorsByName from(dense), to(student);
  std::map<std::string, Tensor> demands;
  for (const FeedForwardPlace &p : places) {
    const std::string name = p.Name();
    const Tensor z = HiddenActivity(Context(), from, name, p.Config(dense->Config()).activation,
                                    inputs.at(name));
    std::vector<std::vector<bool>> exclusive;
    for (int e = 0; e < 2; ++e) {
      // The neuron is there by its weights.
      exclusive.emplace_back();
      const Tensor &w = from[name + ".w_1.weight"];
      for (int64_t c = 0; c < w.Rows(); ++c) {
        bool has[2] = {false, false};
        for (int q = 0; q < 2; ++q) {
          const Tensor &mine = to[Cat(name, ".experts.", q, ".w_1.weight")];
          for (int64_t i = 0; i < mine.Rows(); ++i)
            has[q] |= std::equal(w.View().Row(c), w.View().Row(c) + w.Cols(), mine.View().Row(i));
        }
        exclusive.back().push_back(has[e] && !has[1 - e]);
      }
    }
    demands[name] = ReadMeDemand(z, exclusive);
  }
  return demands;
}

TEST(RouteTeacher, IsTheFormulaOnEachLayer) {
  const std::unique_ptr<AsrModel> dense = Dense(), student = Student(dense.get());
  Domains domains;
  const auto teacher = Teacher(student.get());
  double sum = 0;
  for (const size_t u : {size_t{0}, size_t{3}}) {
    LossOptions options;
    options.route_teacher = teacher.get();
    options.route_teacher_weight = 0.5;
    options.by_layer = true;
    const LossTerms terms =
        ComputeLoss(Context(), *student, Batch(domains.utterances, {u}), options, nullptr, nullptr);
    const Tensor logits = LogitsOf(*student, domains.utterances[u]);
    double want = 0;
    for (const auto &[name, demand] : Demands(dense.get(), student.get(), &domains, u)) {
      const double loss = ReadMeLoss(logits, demand, 0, View());
      EXPECT_NEAR(terms["route-teacher." + name].Mean(), loss, 1e-5) << name;
      want += loss;
    }
    EXPECT_NEAR(terms["route-teacher"].Mean() * terms["route-teacher"].weight, 0.5 * want, 1e-5);
    sum += want;
  }
  EXPECT_GT(sum, 0.5);
}

TEST(RouteTeacher, GradientsOfTheRouteNetworkAlone) {
  const std::unique_ptr<AsrModel> dense = Dense(), student = Student(dense.get());
  Domains domains;
  const TrainBatch batch = Batch(domains.utterances, {0, 3, 5});
  const auto teacher = Teacher(student.get());
  LossOptions options;
  options.route_teacher = teacher.get();
  options.route_teacher_weight = 2;
  options.utterance_divisor = options.token_divisor = 3;
  options.mask = AttentionMask::Chunk(2, -1);
  const auto weighted = [&](AsrModel *grad, const RouteTeacher *t) {
    options.route_teacher = t;
    const LossTerms terms = ComputeLoss(Context(), *student, batch, options, grad, nullptr);
    if (t == nullptr) return 0.0;
    return terms["route-teacher"].Mean() * terms["route-teacher"].weight;
  };
  AsrModel with(student->Config()), without(student->Config());
  SetZero(&with);
  SetZero(&without);
  weighted(&with, teacher.get());
  weighted(&without, nullptr);
  std::map<std::string, Tensor *> params, other;
  ForEachParam(student.get(), [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    params[name] = t;
  });
  ForEachParam(&without, [&](const std::string &name, Tensor *t, const ParamInit &, bool) {
    other[name] = t;
  });
  int checked = 0;
  ForEachParam(&with, [&](const std::string &name, Tensor *grad, const ParamInit &, bool train) {
    if (!train) return;
    Tensor change = *grad;
    for (int64_t i = 0; i < change.Size(); ++i) change.Data()[i] -= other[name]->Data()[i];
    if (name.find("encoder.gate.") == name.npos) {
      EXPECT_EQ(MaxAbsDiff(change, Tensor::ZerosLike(change)), 0) << name;
      return;
    }
    ++checked;
    for (int64_t i = 0; i < change.Size(); i += std::max<int64_t>(1, change.Size() / 7)) {
      float *x = params[name]->Data() + i;
      const float old = *x, step = 1e-2f;
      *x = old + step;
      const double above = weighted(nullptr, teacher.get());
      *x = old - step;
      const double below = weighted(nullptr, teacher.get());
      *x = old;
      EXPECT_NEAR((above - below) / (2 * static_cast<double>(step)),
                  static_cast<double>(change.Data()[i]), 2e-3)
          << name << " " << i;
    }
  });
  EXPECT_GT(checked, 5);
}

TrainOptions Options(const std::shared_ptr<const RouteTeacher> &teacher, int32_t epochs) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 4;
  o.learning_rate = 1e-2;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  o.spec_augment = false;
  o.roles.freeze = "experts,feed-forward,attention,convolution,embedding,norm,subsampling,output";
  o.route_teacher.model = teacher;
  return o;
}

// The loss of a student over all frames, beside that of the best logits that are the same at all
// frames, and that of the best logits of each frame, which all layers share.
struct Losses {
  double student = 0, constant = 0, least = 0;
};
Losses LossesOf(AsrModel *dense, AsrModel *student, Domains *domains) {
  const auto entropy = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  Losses losses;
  double sum = 0;
  int64_t frames = 0;
  for (size_t u = 0; u < domains->utterances.size(); ++u) {
    const Tensor logits = LogitsOf(*student, domains->utterances[u]);
    const auto demands = Demands(dense, student, domains, u);
    for (int64_t t = 0; t < logits.Rows(); ++t, ++frames) {
      double first = 0;  // what the layers want of expert 0, as a mean
      for (const auto &[name, d] : demands) {
        const double soft = 1 / (1 + std::exp(d(t, 1) - d(t, 0)));
        const double hard = d(t, 0) >= d(t, 1) ? 0.75 : 0.25;
        first += (0.75 * hard + 0.25 * soft) / static_cast<double>(demands.size());
      }
      const double p = 1 / (1 + std::exp(static_cast<double>(logits(t, 1)) - logits(t, 0)));
      losses.student -= first * std::log(p) + (1 - first) * std::log(1 - p);
      losses.least += entropy(first);
      sum += first;
    }
  }
  losses.constant = entropy(sum / static_cast<double>(frames));
  losses.student /= static_cast<double>(frames);
  losses.least /= static_cast<double>(frames);
  return losses;
}

std::unique_ptr<AsrModel> Train(std::unique_ptr<AsrModel> model, const TrainOptions &opts,
                                const std::string &dir) {
  TrainingRunOptions run;
  run.exp_dir = dir;
  run.average = 1;
  ModelInfo info;
  RunTraining(opts, run, MemorySource(TinyData(8, 1)), nullptr, &model, &info);
  return model;
}

TEST(RouteTeacher, RoutersLearnWhichExpertIsWanted) {
  const std::unique_ptr<AsrModel> dense = Dense();
  std::unique_ptr<AsrModel> student = Student(dense.get());
  const auto teacher = Teacher(student.get());
  Domains domains;
  student = Train(std::move(student), Options(teacher, 60), TempDir() + "/route-teacher");
  const Losses losses = LossesOf(dense.get(), student.get(), &domains);
  EXPECT_GT(losses.student, losses.least);
  EXPECT_GT(losses.constant - losses.student, 0.5 * (losses.constant - losses.least))
      << losses.student << " " << losses.constant << " " << losses.least;
}

TEST(RouteTeacher, TheSameForAnyThreadsAndOverAnInterruption) {
  const std::unique_ptr<AsrModel> dense = Dense();
  const auto begin = [&] { return Student(dense.get()); };
  const auto teacher = Teacher(begin().get());
  TrainOptions opts = Options(teacher, 3);
  opts.roles.freeze = "";
  const std::unique_ptr<AsrModel> want = Train(begin(), opts, TempDir() + "/route-a");
  opts.threads = 3;
  EXPECT_TRUE(SameModels(want.get(), Train(begin(), opts, TempDir() + "/route-b").get()));
  const std::string dir = TempDir() + "/route-c";
  opts.threads = 1;
  opts.epochs = 1;
  Train(begin(), opts, dir);
  opts.epochs = 3;
  EXPECT_TRUE(SameModels(want.get(), Train(begin(), opts, dir).get()));
}

TEST(RouteTeacher, RefusesWhatItWasNotCutOutOf) {
  const std::unique_ptr<AsrModel> dense = Dense(), student = Student(dense.get());
  const auto refusal = [&](std::unique_ptr<AsrModel> teacher, AsrModel *s) {
    return ErrorOf([&] { RouteTeacher(std::move(teacher), s->Config(), s, "t"); });
  };
  ModelConfig config = DenseConfig();
  config.encoder.ffn.hidden_dim = 4;
  EXPECT_HAS(refusal(Dense(config), student.get()), "and the teacher's layer has 4; give the");
  config = DenseConfig();
  config.encoder.num_blocks = 1;
  EXPECT_HAS(refusal(Dense(config), student.get()), "its num-blocks is 1, the trained model's 2");
  EXPECT_HAS(refusal(TinyModel(0), student.get()), "feed_forward_macaron is a mixture");
  EXPECT_HAS(refusal(Dense(), TinyModel(0).get()), "make it with moe-convert --method=read-me");
  EXPECT_HAS(refusal(Dense(), Student(dense.get(), 1).get()), "smaller --keep-share");
}

}  // namespace
}  // namespace u2moe
