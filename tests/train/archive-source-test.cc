// Sets in files: the same bits as in memory, bounded memory, files that change.
#include "train/archive-source.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>

#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "train/tiny.h"
#include "train/train-data.h"
#include "train/trainer.h"

namespace u2moe {
namespace {

class ArchiveSourceTest : public testing::Test {
 protected:
  ArchiveSourceTest() : data_(TinyData(23, 1)), dir_(TempDir()) {
    Write("feats");
    std::ofstream tokens(dir_ + "/tokens");
    for (const TrainUtterance &u : data_) {
      tokens << u.key;
      for (const int32_t label : u.labels) tokens << " " << label;
      tokens << "\n";
    }
  }

  // Not through the tables' writers, which refuse to write what this process has read.
  void Write(const std::string &name) const {
    const std::string path = dir_ + "/" + name + ".ark";
    std::ofstream ark(path, std::ios::binary), scp(dir_ + "/" + name + ".scp");
    for (const TrainUtterance &u : data_) {
      ark << u.key << ' ';
      scp << u.key << ' ' << path << ':' << ark.tellp() << '\n';
      MatrixHolder::Write(ark, true, u.feats);
    }
  }

  std::unique_ptr<DataSource> Read(const std::string &feats, int32_t memory_limit,
                                   const std::string &max_failures = "0") {
    OptionParser po("Usage: test\n");
    UtteranceTally tally(&po);
    const std::string option = "--max-failures=" + max_failures;
    const char *argv[] = {"test", "--print-args=false", option.c_str()};
    po.Parse(3, const_cast<char **>(argv), 0, 0, InputArgs{0});
    TrainDataOptions o;
    o.memory_limit = memory_limit;
    auto source =
        ReadTrainData("training", o, *TinyModel(0), feats, "ark:" + dir_ + "/tokens", &tally);
    num_failed_ = tally.NumFailed();
    return source;
  }

  std::vector<TrainUtterance> data_;
  std::string dir_;
  int64_t num_failed_ = 0;
};

TEST_F(ArchiveSourceTest, IsTheSetInMemory) {
  const MemorySource memory(data_);
  for (const std::string kind : {"ark:", "scp:"}) {
    const auto source = Read(kind + dir_ + "/feats." + kind.substr(0, 3), 0);
    EXPECT_FALSE(source->InMemory());
    EXPECT_TRUE(Read(kind + dir_ + "/feats." + kind.substr(0, 3), 1)->InMemory());
    ASSERT_EQ(source->Size(), memory.Size());
    EXPECT_EQ(source->Lengths(), memory.Lengths());
    for (int64_t i = 0; i < source->Size(); ++i) {
      EXPECT_EQ(source->Key(i), memory.Key(i));
      EXPECT_EQ(source->Labels(i), memory.Labels(i));
      EXPECT_EQ(source->NumBytes(i), memory.NumBytes(i));
      const auto u = source->Load(i);
      EXPECT_EQ(u->key, memory.Key(i));
      EXPECT_EQ(u->labels, memory.Labels(i));
      EXPECT_EQ(MaxAbsDiff(u->feats, memory.Load(i)->feats), 0);
    }
  }
}

TEST_F(ArchiveSourceTest, TrainsToTheSameBits) {
  const MemorySource memory(data_);
  const auto scp = Read("scp:" + dir_ + "/feats.scp", 0),
             ark = Read("ark:" + dir_ + "/feats.ark", 0);
  for (const int block : {0, 3}) {
    std::unique_ptr<AsrModel> models[3];
    std::vector<std::string> dev_losses;
    const DataSource *sources[] = {&memory, scp.get(), ark.get()};
    for (int i = 0; i < 3; ++i) {
      TrainOptions o;
      o.batch_size = 3;
      o.shard_frames = 1;
      o.shuffle_block = block;
      o.threads = 1 + i;
      models[i] = TinyModel(0.1f);
      // Of features that wait: none, or a few batches.
      Trainer trainer(o, models[i].get(), sources[i], i == 1 ? 0 : 50000);
      trainer.TrainEpoch(1);
      trainer.TrainEpoch(2);
      dev_losses.push_back(Cat(trainer.DevLoss(*sources[i]).total));
    }
    EXPECT_TRUE(SameModels(models[0].get(), models[1].get()));
    EXPECT_TRUE(SameModels(models[0].get(), models[2].get()));
    EXPECT_EQ(dev_losses[0], dev_losses[1]);
    EXPECT_EQ(dev_losses[0], dev_losses[2]);
  }
}

TEST_F(ArchiveSourceTest, TheIdentityTellsSetsApart) {
  const std::string before = Read("scp:" + dir_ + "/feats.scp", 0)->Describe();
  EXPECT_EQ(before, Read("scp:" + dir_ + "/feats.scp", 0)->Describe());
  EXPECT_NE(before.find("23 utterances in archives"), std::string::npos) << before;
  data_[0].feats(0, 0) += 1;  // one of those that are looked at
  Write("feats");
  EXPECT_NE(before, Read("scp:" + dir_ + "/feats.scp", 0)->Describe());
  data_[0].feats(0, 0) -= 1;
  Write("feats");
  EXPECT_EQ(before, Read("scp:" + dir_ + "/feats.scp", 0)->Describe());
}

TEST_F(ArchiveSourceTest, WhatIsUnfitIsToldBefore) {
  data_[2].feats = Tensor::Zeros(6, 20);
  data_[4].feats = Tensor::Zeros(60, 21);
  Write("feats");
  std::string tokens = ReadFile(dir_ + "/tokens");
  tokens.erase(tokens.find("utt7 "), tokens.find("utt8 ") - tokens.find("utt7 "));
  WriteFile(dir_ + "/tokens", tokens);
  std::ofstream(dir_ + "/feats.scp", std::ios::app) << "gone " << dir_ << "/nowhere.ark:5\n";
  std::string said[2];
  for (const int in_memory : {0, 1}) {
    testing::internal::CaptureStderr();
    const auto source = Read("scp:" + dir_ + "/feats.scp", in_memory, "9");
    said[in_memory] = testing::internal::GetCapturedStderr();
    EXPECT_EQ(source->Size(), 20);
    EXPECT_EQ(num_failed_, 4);
    said[in_memory].erase(0, said[in_memory].find("utterance utt2"));
  }
  EXPECT_EQ(said[0], said[1]);
  Read("scp,p:" + dir_ + "/feats.scp", 0, "9");
  EXPECT_EQ(num_failed_, 3);
  EXPECT_NE(said[0].find("6 feature frames give 0 encoder frames"), std::string::npos) << said[0];
}

// An utterance that turns out to be bad in training costs its place in the batch only.
TEST_F(ArchiveSourceTest, WhatCannotBeReadLater) {
  data_[3].feats(2, 2) = NAN;
  Write("feats");
  const auto source = Read("scp:" + dir_ + "/feats.scp", 0);
  ASSERT_EQ(source->Size(), 23);
  TrainOptions o;
  o.batch_size = 4;
  std::unique_ptr<AsrModel> model = TinyModel(0);
  Trainer trainer(o, model.get(), source.get());
  testing::internal::CaptureStderr();
  EpochReport report = trainer.TrainEpoch(1);
  report = trainer.TrainEpoch(2);
  const std::string said = testing::internal::GetCapturedStderr();
  const size_t at = said.find("feats.scp:4: key 'utt3' from ");
  EXPECT_NE(at, std::string::npos) << said;
  EXPECT_EQ(said.find("key 'utt3'", at + 20), std::string::npos) << said;  // once
  EXPECT_EQ(report.train.num_utterances, 22);
  EXPECT_EQ(report.skipped_steps, 0);
  o.max_skipped_steps = 0;
  Trainer strict(o, model.get(), source.get());
  EXPECT_THROW(strict.TrainEpoch(1), Error);
  data_[5].feats = Tensor::Zeros(70, 20);
  Write("feats");
  try {
    source->Load(5);
    FAIL();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("is 70 x 20 now and was"), std::string::npos) << e.what();
  }
}

TEST_F(ArchiveSourceTest, PipesStayInMemory) {
  EXPECT_TRUE(Read("ark:cat " + dir_ + "/feats.ark |", 0)->InMemory());
  EXPECT_TRUE(Read("scp:cat " + dir_ + "/feats.scp |", 0)->InMemory());
}

// Counts what is loaded and not given back.
class CountingSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  std::shared_ptr<const TrainUtterance> Load(int64_t i) const override {
    if (fail_at == i) throw Error("the disk is on fire");
    const int now = ++held;
    int most = most_held;
    while (now > most && !most_held.compare_exchange_weak(most, now)) {
    }
    return {new TrainUtterance(*MemorySource::Load(i)), [this](const TrainUtterance *u) {
              --held;
              delete u;
            }};
  }
  bool InMemory() const override { return false; }

  int64_t fail_at = -1;
  mutable std::atomic<int> held{0}, most_held{0};
};

TEST(BatchStream, HoldsNoMoreThanTheLimit) {
  const std::vector<TrainUtterance> data(40, TinyData(1, 1)[0]);
  std::vector<std::vector<int>> batches;
  for (int i = 0; i < 40; i += 2) batches.push_back({i, i + 1});
  for (const int64_t ahead : {0, 1, 2, 5}) {
    SCOPED_TRACE(ahead);
    CountingSource source(data);
    {
      BatchStream stream(&source, &batches, ahead * 2 * source.NumBytes(0));
      for (const auto &batch : batches) {
        const LoadedBatch &loaded = stream.Next();
        ASSERT_EQ(loaded.utterances.size(), batch.size());
        // What waits, the one in use, and the one before it, which may not be freed yet.
        EXPECT_LE(source.most_held, 2 * (std::max<int64_t>(1, ahead) + 2));
      }
    }
    EXPECT_EQ(source.held, 0);
  }
  // Not read to the end, and an error that is no utterance's.
  CountingSource source(data);
  { BatchStream stream(&source, &batches, 1 << 20); }
  { BatchStream(&source, &batches, 1 << 20).Next(); }
  EXPECT_EQ(source.held, 0);
  source.fail_at = 4;
  BatchStream stream(&source, &batches, 1 << 20);
  stream.Next();
  stream.Next();
  EXPECT_THROW(stream.Next(), Error);
}

}  // namespace
}  // namespace u2moe
