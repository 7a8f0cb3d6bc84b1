#include "model/expert-options.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "modelfile/model-file.h"
#include "support/test-util.h"
#include "train/tiny.h"

namespace u2moe {
namespace {

ExpertPolicy Full() {
  ExpertPolicy p;
  p.encoder_skip = {0.5f, 0.75f, 2, 0};
  p.left_skip = {0.9f};
  p.chunk_experts = 3;
  p.expert_budget = 2;
  p.exit_blank = 0.99f;
  p.exit_block = 1;
  return p;
}

TEST(ExpertPolicy, JsonRoundTripAndWhatDoesNotFit) {
  const ModelConfig config = TinyConfig(0);
  const auto read = [&](const std::string &text) {
    return ExpertPolicy::FromJson(text, "file", config);
  };
  EXPECT_TRUE(read(Full().ToJson()) == Full());
  EXPECT_TRUE(read(ExpertPolicy().ToJson()) == ExpertPolicy());
  EXPECT_FALSE(Full() == ExpertPolicy());
  EXPECT_TRUE(ExpertPolicy().IsPlain());
  EXPECT_FALSE(Full().IsPlain());
  EXPECT_EQ(ExpertPolicy().ToString(), "plain");
  EXPECT_EQ(Full().ToString(),
            "second experts skipped from first gates of: encoder 0 to 2, decoders 0.9 / none; 3 "
            "experts per chunk; a budget of 2 experts per chunk; exit from blank probabilities of "
            "0.99 after 1 blocks");
  ExpertPolicy p = Full();
  p.encoder_skip.pop_back();
  EXPECT_THROW(read(p.ToJson()), DataError);
  p = Full();
  p.left_skip[0] = -0.5f;
  EXPECT_THROW(read(p.ToJson()), DataError);
  p = Full();
  p.exit_block = 2;  // none behind it
  EXPECT_THROW(read(p.ToJson()), DataError);
  p = Full();
  p.expert_budget = -1;
  EXPECT_THROW(read(p.ToJson()), DataError);
  for (const char *text : {"[]", "{", "3"}) EXPECT_THROW(read(text), DataError) << text;
  EXPECT_TRUE(read("{}") == ExpertPolicy());  // what is not there does not limit
  EXPECT_EQ(read("{\"chunk_experts\":3}").chunk_experts, 3);
  const std::string json = Full().ToJson();
  EXPECT_THROW(read(json.substr(0, json.size() - 1) + ",\"more\":1}"), DataError);
  EXPECT_TRUE(read(json.substr(0, json.size() - 1) + ",\"more\":0}") == Full());
  EXPECT_EQ(json.find("experts_per_frame"), json.npos);  // programs that do not know it read this
  ExpertPolicy few;
  few.experts_per_frame = 1;
  EXPECT_TRUE(read(few.ToJson()) == few);
  EXPECT_EQ(few.ToString(), "1 experts per frame");
  EXPECT_THROW(read("{\"experts_per_frame\":-1}"), DataError);
  EXPECT_THROW(read("{\"encoder_skip\":7" + json.substr(json.find(",\"left"))), DataError);
}

TEST(ExpertOptions, LeaveWhatIsNotGiven) {
  const ModelConfig config = TinyConfig(0);
  ExpertOptions none;
  EXPECT_TRUE(none.Apply(config, Full()) == Full());
  EXPECT_TRUE(none.Apply(config, ExpertPolicy()).IsPlain());
  ExpertOptions off;
  off.skip_second_gate = 2;
  off.chunk_experts = off.expert_budget = 0;
  off.exit_blank = 1.5f;
  EXPECT_TRUE(off.Apply(config, Full()).IsPlain());
  ExpertOptions some;
  some.skip_second_gate = 0.75f;
  some.exit_blank = 0.5f;
  const ExpertPolicy p = some.Apply(config, ExpertPolicy());
  EXPECT_EQ(p.encoder_skip, std::vector<float>(4, 0.75f));
  EXPECT_EQ(p.left_skip, std::vector<float>(1, 0.75f));
  EXPECT_EQ(p.right_skip, std::vector<float>(1, 0.75f));
  EXPECT_EQ(p.exit_block, 1);
}

// As many as the model was made with are all: the plain model, to the bit.
TEST(ExpertOptions, ExpertsPerFrame) {
  ModelConfig config = TinyConfig(0);
  config.encoder.ffn.experts_per_frame = 3;
  const auto apply = [&](int32_t n, ExpertPolicy policy = ExpertPolicy()) {
    ExpertOptions o;
    o.experts_per_frame = n;
    return o.Apply(config, policy).experts_per_frame;
  };
  ExpertPolicy stored;
  stored.experts_per_frame = 2;
  EXPECT_EQ(apply(-1), 0);
  EXPECT_EQ(apply(-1, stored), 2);
  EXPECT_EQ(apply(0, stored), 0);
  EXPECT_EQ(apply(1, stored), 1);
  EXPECT_EQ(apply(2), 2);
  EXPECT_EQ(apply(3, stored), 0);
  const auto refused = [&](int32_t n, const std::string &message) {
    try {
      apply(n);
      ADD_FAILURE() << message;
    } catch (const UsageError &e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
    }
  };
  refused(4, "experts-per-frame=4: the model was made with 3 experts for a frame");
  refused(-2, "experts-per-frame=-2: must be 0 or more");
  config.encoder.ffn.router = config.decoder.ffn.router = "switch";
  config.encoder.ffn.experts_per_frame = config.decoder.ffn.experts_per_frame = 1;
  refused(1, "one expert of the model works on a frame");
  config.encoder.ffn.num_experts = config.decoder.ffn.num_experts = 0;
  refused(1, "the model is dense");
}

TEST(ExpertOptions, WrongOnes) {
  ModelConfig config = TinyConfig(0);
  const auto apply = [&](auto set) {
    ExpertOptions o;
    set(&o);
    o.Apply(config, ExpertPolicy());
  };
  using O = ExpertOptions;
  EXPECT_THROW(apply([](O *o) { o->skip_second_gate = -0.5f; }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->skip_second_gate = std::nanf(""); }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->chunk_experts = -2; }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->expert_budget = -2; }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->exit_block = 0; }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->exit_blank = 0.5f, o->exit_block = 2; }), UsageError);
  config.encoder.ffn.num_experts = 0;
  EXPECT_THROW(apply([](O *o) { o->chunk_experts = 2; }), UsageError);
  EXPECT_THROW(apply([](O *o) { o->exit_blank = 0.5f; }), UsageError);
  EXPECT_NO_THROW(apply([](O *o) { o->skip_second_gate = 0.5f; }));  // decoders
  config.decoder.ffn.num_experts = 0;
  EXPECT_THROW(apply([](O *o) { o->skip_second_gate = 0.5f; }), UsageError);
  EXPECT_NO_THROW(apply([](O *) {}));
}

TEST(ExpertPolicy, ModelFileKeepsIt) {
  const std::string path = TempDir() + "/experts", plain = TempDir() + "/plain";
  const std::unique_ptr<AsrModel> model = TinyModel(0);
  ModelInfo info;
  WriteModel(plain, model.get(), info);
  model->SetPolicy(Full());
  WriteModel(path, model.get(), info);
  EXPECT_TRUE(ReadModel(path, nullptr)->Policy() == Full());
  EXPECT_TRUE(ReadModel(plain, nullptr)->Policy().IsPlain());
}

}  // namespace
}  // namespace u2moe
