// Reading a model costs no memory but for what is used of it, and processes share that.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "modelfile/quantize.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // memory of their own for each byte touched
#else
constexpr bool kSanitized = false;
#endif
constexpr double kMb = 1e6;

// Runs fn in a child process, so that neither its memory nor its free lists are this one's; true
// if it ended well.
bool InChild(const std::function<void()> &fn) {
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      fn();
    } catch (const std::exception &e) {
      ADD_FAILURE() << e.what();
    }
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

// A model of 24 million parameters in float32, 97 MB, and packed as float32 and int8.
class ModelMemoryTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    TempDir();  // of this process, which removes it
    made_ = InChild([] {
      ModelOptions o;
      o.feature_dim = 20, o.model_dim = 256, o.num_blocks = 3, o.num_heads = 4;
      o.hidden_dim = 1536, o.num_experts = 4;
      o.decoder_blocks = 1, o.reverse_decoder_blocks = 0, o.reverse_weight = 0;
      o.vocab_size = 50, o.blank = 0, o.sos = o.eos = 49;
      ModelInfo info;
      info.config = o.Config();
      AsrModel model(info.config);
      InitBuffers(&model, 1);
      WriteInitialModel(File("plain"), &model, info, 1);
      for (const char *weights : {"float32", "int8"}) {
        QuantizeOptions opts;
        opts.weights = weights;
        QuantizeModel(File("plain"), File(weights), opts);
      }
    });
  }
  void SetUp() override { ASSERT_TRUE(made_); }

  static double FileMb(const std::string &name) {
    return static_cast<double>(std::ifstream(File(name), std::ios::ate).tellg()) / kMb;
  }

 private:
  static bool made_;
};
bool ModelMemoryTest::made_ = false;

double ResidentMb() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / kMb;
}

// Of this process's mappings of a file, in MB.
struct Mapped {
  double rss = 0, pss = 0, dirty = 0;
  bool found = false;
};

Mapped MappedOf(const std::string &path) {
  std::ifstream smaps("/proc/self/smaps");
  Mapped mapped;
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string key;
    double kb = 0;
    words >> key;
    if (key.back() != ':') {
      inside = line.size() > path.size() &&
               line.compare(line.size() - path.size(), path.size(), path) == 0;
      mapped.found |= inside;
    } else if (inside && words >> kb) {
      if (key == "Rss:") mapped.rss += kb * 1024 / kMb;
      if (key == "Pss:") mapped.pss += kb * 1024 / kMb;
      if (key == "Private_Dirty:") mapped.dirty += kb * 1024 / kMb;
    }
  }
  return mapped;
}

// Reads all packed weights, as a forward does.
int64_t Touch(AsrModel *model) {
  int64_t sum = 0;
  ForEachParamOrPacked(
      model, [](const ParamInfo &, Tensor *) {},
      [&](const ParamInfo &, Tensor *, PackedMatrix *packed) {
        for (int64_t p = 0; p < packed->NumPanels(); ++p) {
          const uint8_t *panel = packed->Panel(p);
          for (int64_t i = 0; i < packed->PanelBytes(); i += 64) sum += panel[i];
        }
      });
  return sum;
}

TEST_F(ModelMemoryTest, APackedModelIsReadWithoutItsWeights) {
  if (kSanitized || ResidentMb() <= 0) GTEST_SKIP() << "no figures of memory here";
  const bool ok = InChild([] {
    const double before = ResidentMb();
    const auto model = ReadModel(File("float32"), nullptr, PackedWeights::kAllow);
    EXPECT_LT(ResidentMb() - before, 10);
    EXPECT_GT(FileMb("float32"), 90);
  });
  EXPECT_TRUE(ok);
}

TEST_F(ModelMemoryTest, PackingAtLoadDoesNotKeepTheFloats) {
  if (kSanitized || ResidentMb() <= 0) GTEST_SKIP() << "no figures of memory here";
  const bool ok = InChild([] {
    PrecisionOptions opts;
    opts.precision = "int8";
    std::string precision;
    const double before = ResidentMb();
    const auto model = ReadModelForInference(Context(), File("plain"), opts, nullptr, &precision);
    // int8 takes 24 MB, the subsampling's own tensors and their packed form 13.
    EXPECT_LT(ResidentMb() - before, 55);
    EXPECT_GT(FileMb("plain"), 90);
  });
  EXPECT_TRUE(ok);
}

// What rescoring does not need of a model is neither packed nor read, and what no decoder is fed
// with neither.
TEST_F(ModelMemoryTest, OnlyThePartThatIsAskedForIsPacked) {
  if (kSanitized || ResidentMb() <= 0) GTEST_SKIP() << "no figures of memory here";
  for (const ModelPart part : {ModelPart::kDecoders, ModelPart::kEncoder}) {
    const bool ok = InChild([part] {
      std::string precision;
      const double before = ResidentMb();
      const auto model = ReadModelForInference(Context(), File("plain"), PrecisionOptions(),
                                               nullptr, &precision, part);
      // The encoder has 78 MB of experts, the decoder 13.
      const double used = ResidentMb() - before;
      if (part == ModelPart::kDecoders) {
        EXPECT_LT(used, 45);
      } else {
        EXPECT_GT(used, 70);
      }
      model->SetPolicy(ExpertPolicy());  // as the tools do afterwards
      EXPECT_LT(ResidentMb() - before, used + 5);
    });
    EXPECT_TRUE(ok) << static_cast<int>(part);
  }
}

TEST_F(ModelMemoryTest, ProcessesShareAPackedModel) {
  const std::string path = File("int8");
  int ready[2], done[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(done, O_CLOEXEC), 0);
  const pid_t other = fork();
  ASSERT_GE(other, 0);
  const auto read = [&] {
    std::string precision;
    auto model = ReadModelForInference(Context(), path, PrecisionOptions(), nullptr, &precision);
    EXPECT_GT(Touch(model.get()), 0);
    return model;
  };
  char byte = 0;
  if (other == 0) {
    try {
      const auto model = read();
      close(done[1]);  // so that the end of the first process ends this one
      if (write(ready[1], &byte, 1) == 1 && ::read(done[0], &byte, 1) >= 0) _exit(0);
    } catch (const std::exception &) {
    }
    _exit(1);
  }
  close(ready[1]);
  const bool both = ::read(ready[0], &byte, 1) == 1;
  const auto model = read();
  const Mapped mapped = MappedOf(path);
  close(done[1]);
  int status = -1;
  EXPECT_EQ(waitpid(other, &status, 0), other);
  for (int fd : {ready[0], done[0]}) close(fd);
  ASSERT_TRUE(both);
  EXPECT_EQ(status, 0);
  if (!mapped.found || mapped.pss <= 0) GTEST_SKIP() << "no /proc/self/smaps here";
  EXPECT_GT(mapped.rss, 0.7 * FileMb("int8")) << "the weights are used from the file";
  EXPECT_NEAR(mapped.pss / mapped.rss, 0.5, 0.1);
  EXPECT_LT(mapped.dirty, 0.1) << "MB copied by writing to them";
}

}  // namespace
}  // namespace u2moe
