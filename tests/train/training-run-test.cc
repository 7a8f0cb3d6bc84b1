#include "train/training-run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "train/tiny.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

TrainOptions TinyOptions(int32_t epochs) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 3;
  o.learning_rate = 5e-3;
  o.warmup_steps = 10;
  o.shard_frames = 1;
  o.spec.max_t = 8;
  o.spec.max_f = 4;
  return o;
}

class TrainingRunTest : public testing::Test {
 protected:
  TrainingRunTest() : data_(TinyData(6, 1)), dev_(TinyData(2, 2)) {
    run_opts_.average = 2;
    run_opts_.exp_dir = Dir("exp");
  }

  // A folder of this test case.
  static std::string Dir(const std::string &name) {
    const auto *info = testing::UnitTest::GetInstance()->current_test_info();
    return TempDir() + "/" + info->name() + "-" + name;
  }

  std::unique_ptr<AsrModel> Train(int32_t epochs) {
    std::unique_ptr<AsrModel> model = TinyModel(0.1f, model_seed_);
    RunTraining(change_(TinyOptions(epochs)), run_opts_, MemorySource(data_), Dev().get(), &model,
                &info_);
    return model;
  }

  std::unique_ptr<DataSource> Dev() const {
    return dev_.empty() ? nullptr : std::make_unique<MemorySource>(dev_);
  }

  // What an uninterrupted training of so many epochs gives.
  std::unique_ptr<AsrModel> Reference(int32_t epochs) {
    const std::string kept = run_opts_.exp_dir;
    run_opts_.exp_dir = Dir("reference");
    std::unique_ptr<AsrModel> model = Train(epochs);
    run_opts_.exp_dir = kept;
    return model;
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(run_opts_.exp_dir))
      if (entry.path().filename() != ".lock") names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  void ExpectRefused(const std::string &message) {
    try {
      Train(2);
      ADD_FAILURE() << message;
    } catch (const UsageError &e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(run_opts_.exp_dir), std::string::npos) << e.what();
    }
  }

  std::vector<TrainUtterance> data_, dev_;
  TrainingRunOptions run_opts_;
  ModelInfo info_;
  uint64_t model_seed_ = 3;
  std::function<TrainOptions(TrainOptions)> change_ = [](TrainOptions o) { return o; };
};

TEST_F(TrainingRunTest, LogCheckpointsAndAverage) {
  run_opts_.keep_checkpoints = true;
  const std::unique_ptr<AsrModel> model = Train(4);
  EXPECT_EQ(Files(), (std::vector<std::string>{"epoch-1.safetensors", "epoch-2.safetensors",
                                               "epoch-3.safetensors", "epoch-4.safetensors",
                                               "log.jsonl", "optimizer-4.safetensors", "run.txt"}));
  std::ifstream log(run_opts_.exp_dir + "/log.jsonl");
  std::vector<std::pair<double, int>> by_loss;
  for (std::string line; std::getline(log, line);) {
    const nlohmann::json j = nlohmann::json::parse(line);
    EXPECT_EQ(j["epoch"], by_loss.size() + 1);
    EXPECT_GT(j["train_loss"], 0);
    EXPECT_EQ(j["steps"], 2 * j["epoch"].get<int>());
    EXPECT_GT(j["frames_per_cpu_second"], 0);
    by_loss.emplace_back(j["dev_loss"], j["epoch"]);
  }
  ASSERT_EQ(by_loss.size(), 4u);
  std::sort(by_loss.begin(), by_loss.end());
  // The result is the mean of the two epochs of lowest dev loss.
  std::unique_ptr<AsrModel> parts[2];
  for (int i = 0; i < 2; ++i) {
    parts[i] = ReadModel(
        Cat(run_opts_.exp_dir, "/epoch-", by_loss[static_cast<size_t>(i)].second, ".safetensors"),
        nullptr);
  }
  const auto got = TrainableTensors(model.get()), a = TrainableTensors(parts[0].get()),
             b = TrainableTensors(parts[1].get());
  for (size_t p = 0; p < got.size(); ++p) {
    for (int64_t i = 0; i < got[p]->Size(); ++i)
      ASSERT_NEAR(got[p]->Data()[i], (a[p]->Data()[i] + b[p]->Data()[i]) / 2, 1e-6);
  }
  const nlohmann::json history = nlohmann::json::parse(info_.history);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0]["tool"], "nnet-train");
  EXPECT_EQ(history[0]["utterances"], 6);
  EXPECT_EQ(history[0]["steps"], 8);
  EXPECT_EQ(history[0]["averaged_epochs"].size(), 2u);
}

TEST_F(TrainingRunTest, KeepsOnlyWhatItMayNeed) {
  Train(5);
  size_t checkpoints = 0;
  for (const std::string &file : Files()) checkpoints += file.rfind("epoch-", 0) == 0;
  EXPECT_GE(checkpoints, 2u);  // the best two, and the last if it is not among them
  EXPECT_LE(checkpoints, 3u);
  EXPECT_TRUE(fs::exists(run_opts_.exp_dir + "/epoch-5.safetensors"));
}

TEST_F(TrainingRunTest, WithoutDevDataTheLastEpochCounts) {
  dev_.clear();
  const std::unique_ptr<AsrModel> with_dir = Train(3);
  EXPECT_EQ(Files(), (std::vector<std::string>{"epoch-3.safetensors", "log.jsonl",
                                               "optimizer-3.safetensors", "run.txt"}));
  std::unique_ptr<AsrModel> last = ReadModel(run_opts_.exp_dir + "/epoch-3.safetensors", nullptr);
  EXPECT_TRUE(SameModels(with_dir.get(), last.get()));
  run_opts_.exp_dir.clear();
  const std::unique_ptr<AsrModel> without = Train(3);
  EXPECT_TRUE(SameModels(with_dir.get(), without.get()));
}

TEST_F(TrainingRunTest, ResumedIsTheSameBits) {
  Train(2);
  EXPECT_TRUE(SameModels(Train(4).get(), Reference(4).get()));
}

TEST_F(TrainingRunTest, ResumedWithOtherThreadsIsTheSameBits) {
  Train(1);
  change_ = [](TrainOptions o) {
    o.threads = 2;
    return o;
  };
  const std::unique_ptr<AsrModel> resumed = Train(3);
  change_ = [](TrainOptions o) {
    o.threads = 3;
    return o;
  };
  EXPECT_TRUE(SameModels(resumed.get(), Reference(3).get()));
}

TEST_F(TrainingRunTest, ACompleteTrainingIsNotRepeated) {
  const std::unique_ptr<AsrModel> first = Train(3);
  const auto written = fs::last_write_time(run_opts_.exp_dir + "/epoch-3.safetensors");
  EXPECT_TRUE(SameModels(first.get(), Train(3).get()));
  EXPECT_EQ(written, fs::last_write_time(run_opts_.exp_dir + "/epoch-3.safetensors"));
}

// With a learning rate that does nothing no epoch is better than the first.
TEST_F(TrainingRunTest, PatienceEnds) {
  change_ = [](TrainOptions o) {
    o.learning_rate = 1e-30;
    return o;
  };
  const auto epochs = [&] {
    std::ifstream log(run_opts_.exp_dir + "/log.jsonl");
    int n = 0;
    for (std::string line; std::getline(log, line);) ++n;
    return n;
  };
  run_opts_.patience = 3;
  const auto stopped = Train(12);
  EXPECT_EQ(epochs(), 4);
  // It has ended: resumed, it does nothing more, and gives the same; with more patience it goes on.
  EXPECT_TRUE(SameModels(stopped.get(), Train(12).get()));
  EXPECT_EQ(epochs(), 4);
  run_opts_.patience = 5;
  Train(12);
  EXPECT_EQ(epochs(), 6);
  run_opts_.patience = 0;
  Train(8);
  EXPECT_EQ(epochs(), 8);
}

TEST_F(TrainingRunTest, PatienceWaitsWhileTheLossFalls) {
  run_opts_.patience = 2;
  const auto patient = Train(5);
  EXPECT_TRUE(SameModels(patient.get(), Reference(5).get()));
}

TEST_F(TrainingRunTest, PatienceNeedsDevData) {
  dev_.clear();
  run_opts_.patience = 1;
  EXPECT_THROW(Train(2), UsageError);
}

// A run that died after it had written some or all files of epoch 3, but not its line of the log.
TEST_F(TrainingRunTest, DiedBeforeTheLogLine) {
  const std::unique_ptr<AsrModel> reference = Reference(4);
  const std::string exp = run_opts_.exp_dir;
  for (const bool optimizer_too : {false, true}) {
    SCOPED_TRACE(optimizer_too);
    fs::remove_all(exp);
    Train(2);
    run_opts_.exp_dir = Dir("further");
    fs::remove_all(run_opts_.exp_dir);
    fs::copy(exp, run_opts_.exp_dir);
    Train(3);
    for (const char *file : {"epoch-3.safetensors", "optimizer-3.safetensors"}) {
      if (file[0] == 'e' || optimizer_too)
        fs::copy_file(run_opts_.exp_dir + "/" + file, exp + "/" + file);
    }
    run_opts_.exp_dir = exp;
    for (const char *file : {"epoch-3.safetensors", "log.jsonl", "run.txt"})
      WriteFile(Cat(exp, "/.", file, ".tmp-1-0"), "half");  // as Output names them
    EXPECT_TRUE(SameModels(Train(4).get(), reference.get()));
    for (const std::string &file : Files()) {
      EXPECT_EQ(file.find(".tmp-"), std::string::npos) << file;
    }
  }
}

TEST_F(TrainingRunTest, ALogLineWithoutItsEndDoesNotCount) {
  const std::unique_ptr<AsrModel> reference = Reference(3);
  run_opts_.keep_checkpoints = true;
  Train(2);
  const std::string path = run_opts_.exp_dir + "/log.jsonl", log = ReadFile(path);
  WriteFile(path, log + log.substr(0, 40));
  EXPECT_TRUE(SameModels(Train(3).get(), reference.get()));
}

TEST_F(TrainingRunTest, AnotherTrainingIsRefused) {
  Train(2);
  const auto options = change_;
  for (const auto &change : std::vector<std::function<void(TrainOptions *)>>{
           [](TrainOptions *o) { o->seed = 1; }, [](TrainOptions *o) { o->batch_size = 2; },
           [](TrainOptions *o) { o->learning_rate = 1e-4; }, [](TrainOptions *o) { o->shards = 2; },
           [](TrainOptions *o) { o->spec_augment = false; },
           [](TrainOptions *o) { o->spec.max_f = 5; }}) {
    change_ = [&](TrainOptions o) {
      change(&o);
      return o;
    };
    ExpectRefused("holds another training");
  }
  change_ = options;
  model_seed_ = 4;  // other initial weights of the same shape
  ExpectRefused("holds another training");
  model_seed_ = 3;
  data_[3].feats(2, 2) += 1;  // other features of the same utterances
  ExpectRefused("holds another training");
  data_[3].feats(2, 2) -= 1;
  data_[3].labels[0] ^= 2;
  ExpectRefused("holds another training");
  data_[3].labels[0] ^= 2;
  dev_.pop_back();
  ExpectRefused("holds another training");
  dev_ = TinyData(2, 2);
  EXPECT_NO_THROW(Train(2));
  // Where no epoch is complete there is nothing to mix.
  change_ = [](TrainOptions o) {
    o.seed = 5;
    return o;
  };
  fs::remove(run_opts_.exp_dir + "/log.jsonl");
  EXPECT_TRUE(SameModels(Train(2).get(), Reference(2).get()));
  change_ = options;
  ExpectRefused("holds another training");
  run_opts_.resume = false;
  fs::remove_all(Dir("reference"));
  const std::unique_ptr<AsrModel> anew = Train(3);
  EXPECT_TRUE(SameModels(anew.get(), Reference(3).get()));
}

TEST_F(TrainingRunTest, WhatDiffersIsNamed) {
  Train(2);
  change_ = [](TrainOptions o) {
    o.seed = 5;
    o.learning_rate = 0.25;
    o.spec_augment = false;
    return o;
  };
  ExpectRefused("seed is 777 there and 5 here");
  ExpectRefused("learning-rate is 0.005 there and 0.25 here");
  ExpectRefused("spec-augment is 1 there and 0 here");
  ExpectRefused("max-t is 8 there and not given here");
  ExpectRefused("epoch-2.safetensors as the model of a training with another --exp-dir");
  change_ = [](TrainOptions o) { return o; };
  dev_.pop_back();
  ExpectRefused("dev is 2 utterances, fingerprint");
  dev_ = TinyData(2, 2);
  WriteFile(run_opts_.exp_dir + "/run.txt", "");
  ExpectRefused("batch-size is not given there and 3 here");
  // As it says: an epoch's model begins another training.
  ModelInfo info;
  std::unique_ptr<AsrModel> model = ReadModel(run_opts_.exp_dir + "/epoch-2.safetensors", &info);
  EXPECT_NE(info.history.find("\"epoch\":2"), std::string::npos) << info.history;
  run_opts_.exp_dir = Dir("other");
  EXPECT_NO_THROW(
      RunTraining(TinyOptions(1), run_opts_, MemorySource(data_), Dev().get(), &model, &info));
}

// Dev losses that are not finite choose no epoch, and a training without any finite one fails.
TEST_F(TrainingRunTest, DevLossesThatAreNotFinite) {
  dev_.push_back(dev_[0]);
  dev_.back().key = "loud";
  for (int64_t i = 0; i < dev_.back().feats.Size(); ++i) dev_.back().feats.Data()[i] *= 1e30f;
  const auto error = [&](int epochs) -> std::string {
    try {
      Train(epochs);
    } catch (const Error &e) {
      return e.what();
    }
    return "";
  };
  EXPECT_NE(error(2).find("epoch 1: the loss of 1 of 3 dev utterances is not finite: loud"),
            std::string::npos)
      << error(2);
  dev_ = {dev_.back()};
  EXPECT_NE(error(2).find("the loss of 1 of 1 dev utterances is not finite: loud; the training has "
                          "diverged"),
            std::string::npos)
      << error(2);
  // The first epochs of the log have no dev loss: only the later can be chosen.
  dev_ = TinyData(2, 2);
  Train(2);
  std::ifstream in(run_opts_.exp_dir + "/log.jsonl");
  std::string lines;
  for (std::string line; std::getline(in, line);) {
    nlohmann::json j = nlohmann::json::parse(line);
    j["dev_loss"] = nullptr;
    lines += j.dump() + "\n";
  }
  WriteFile(run_opts_.exp_dir + "/log.jsonl", lines);
  EXPECT_NE(error(2).find("no epoch has a finite dev loss"), std::string::npos);
  run_opts_.average = 4;
  Train(4);
  EXPECT_NE(info_.history.find("\"averaged_epochs\":[3,4]"), std::string::npos) << info_.history;
}

TEST_F(TrainingRunTest, AModelThatCannotBeTrained) {
  std::unique_ptr<AsrModel> model = TinyModel(0);
  model->MutableCtc()->MutableWeight()->Data()[2] = NAN;
  EXPECT_THROW(
      RunTraining(TinyOptions(1), run_opts_, MemorySource(data_), Dev().get(), &model, &info_),
      DataError);
  ModelConfig config = TinyConfig(0);
  config.decoder.ffn.experts_per_frame = 1;
  model = std::make_unique<AsrModel>(config);
  InitModel(model.get(), 3);
  EXPECT_THROW(
      RunTraining(TinyOptions(1), run_opts_, MemorySource(data_), Dev().get(), &model, &info_),
      UsageError);
}

TEST_F(TrainingRunTest, FewerEpochsThanThereAre) {
  Train(4);
  ExpectRefused("has 4 epochs already, --epochs=2");
}

TEST_F(TrainingRunTest, AnAverageOfEpochsThatAreGone) {
  Train(4);  // keeps the best two and the last
  run_opts_.average = 4;
  try {
    Train(5);
    FAIL();
  } catch (const UsageError &e) {
    EXPECT_NE(std::string(e.what()).find("--average=4 may need it"), std::string::npos) << e.what();
  }
  run_opts_.average = 1;
  EXPECT_NO_THROW(Train(5));
}

TEST_F(TrainingRunTest, OtherFilesInTheFolderStay) {
  fs::create_directories(run_opts_.exp_dir);
  WriteFile(run_opts_.exp_dir + "/notes.txt", "mine");
  Train(1);
  EXPECT_EQ(ReadFile(run_opts_.exp_dir + "/notes.txt"), "mine");
}

TEST(TrainingRunOptions, ChecksItsValues) {
  TrainingRunOptions o;
  EXPECT_NO_THROW(o.Check());
  o.average = 0;
  EXPECT_THROW(o.Check(), UsageError);
  o.average = 1;
  o.patience = -1;
  EXPECT_THROW(o.Check(), UsageError);
}

}  // namespace
}  // namespace u2moe
