#include "modelfile/utterance-tags.h"

#include <gtest/gtest.h>

#include <fstream>

#include "modelfile/model-file.h"
#include "modelfile/model-report.h"
#include "support/error-test.h"
#include "support/small-model.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

ModelConfig Pools(int32_t pools) {
  ModelOptions options = SmallModelOptions(1, 8);
  if (pools > 0) options.layers = Cat("0.last:router=tag-pools,router-pools=", pools);
  return options.Config();
}

std::string Table(const std::string &name, const std::string &text) {
  const std::string path = TempDir() + "/" + name;
  std::ofstream(path) << text;
  return "ark:" + path;
}

TEST(UtteranceTags, NumbersOfTheModelsList) {
  const std::string table = Table("tags", "a en\nb de\nc en gb\nd en\n");
  UtteranceTags learnt(table, Pools(4), {});
  learnt.Learn();
  EXPECT_EQ(learnt.Names(), (std::vector<std::string>{"de", "en", "en gb"}));
  EXPECT_EQ(learnt.Of("a"), 1);
  EXPECT_EQ(learnt.Of("b"), 0);
  EXPECT_HAS(ErrorOf([&] { learnt.CheckSeen(); }), "the tag 'en gb', but no training utterance");
  EXPECT_EQ(learnt.Of("c"), 2);
  learnt.CheckSeen();
  UtteranceTags known(table, Pools(4), {"en", "fr"});
  known.Learn();  // it has some
  EXPECT_EQ(known.Of("d"), 0);
  known.CheckSeen();  // what was trained before
  EXPECT_HAS(ErrorOf([&] { known.Of("b"); }),
             "the tag 'de' of b is none that the model was trained with (en, fr); map it");
  EXPECT_HAS(ErrorOf([&] { known.Of("z"); }), "there is no tag of z");
  UtteranceTags few(table, Pools(2), {});
  EXPECT_HAS(ErrorOf([&] { few.Learn(); }), "holds 3 tags (de, en, en gb) for a model with");
}

TEST(UtteranceTags, OnlyForModelsThatLookAtThem) {
  UtteranceTags none("", Pools(0), {});
  none.Learn();
  EXPECT_EQ(none.Of("anything"), -1);
  EXPECT_EQ(NumTagPools(Pools(0)), 0);
  EXPECT_EQ(NumTagPools(Pools(2)), 2);
  EXPECT_HAS(ErrorOf([] { UtteranceTags("ark:x", Pools(0), {}); }), "no router of the model looks");
  EXPECT_HAS(ErrorOf([] { UtteranceTags("", Pools(2), {"de"}); }), "with the tags de");
  ModelOptions two = SmallModelOptions(1, 4);
  two.layers = "0.last:router=tag-pools,router-pools=2;0.macaron:router=tag-pools,router-pools=1";
  EXPECT_HAS(ErrorOf([&] { NumTagPools(two.Config()); }),
             "router-pools=1 and with router-pools=2: a model has one list of tags");
}

TEST(UtteranceTags, LiveInTheModelFile) {
  AsrModel model(Pools(2));
  InitModel(&model, 1);
  ModelInfo info, read;
  info.config = model.Config();
  info.tags = {"de", "en \"us\""};
  const std::string path = TempDir() + "/pools.safetensors";
  WriteModel(path, &model, info);
  ReadModel(path, &read);
  EXPECT_EQ(read.tags, info.tags);
  EXPECT_EQ(ReadModelInfo(path).tags, info.tags);
  EXPECT_HAS(ModelReportText(&model, read), "# tags of utterances: de, en \"us\"");
  info.tags = {"de", "en", "fr"};
  EXPECT_HAS(ErrorOf([&] { WriteModel(path, &model, info); }), "there are 3 tags");
  info.tags = {"de", "de"};
  EXPECT_HAS(ErrorOf([&] { WriteModel(path, &model, info); }), "'de' stands twice");
}

}  // namespace
}  // namespace u2moe
