// Every call that can fail is made to fail once: the n-th system call, or the n-th allocation, for
// n = 1, 2, 3... until the work succeeds. What comes of it is the right result or an exception;
// never a crash, a wrong result, a partial file under its final name, a temporary file, an open
// descriptor or a child left behind.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace {

// How calls fail. kShort: reads and writes move one byte or are interrupted, which is no error.
enum class Fault { kNone, kCall, kMemory, kShort };

std::atomic<Fault> fault{Fault::kNone};
std::atomic<int64_t> countdown{0};
std::atomic<int> fault_errno{EIO};
std::atomic<int64_t> num_short{0};

// True for the one call that is to fail.
bool FailsNow(Fault kind) { return fault == kind && --countdown == 0; }

bool CallFails() {
  if (!FailsNow(Fault::kCall)) return false;
  errno = fault_errno;
  return true;
}

// The function that this file's definition hides.
template <class Function>
Function Real(const char *name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void *Allocate(size_t n) {
  if (FailsNow(Fault::kMemory)) throw std::bad_alloc();
  void *p = std::malloc(n == 0 ? 1 : n);
  if (!p) throw std::bad_alloc();
  return p;
}

}  // namespace

void *operator new(size_t n) { return Allocate(n); }
void *operator new[](size_t n) { return Allocate(n); }
void operator delete(void *p) noexcept { std::free(p); }
void operator delete[](void *p) noexcept { std::free(p); }
void operator delete(void *p, size_t) noexcept { std::free(p); }
void operator delete[](void *p, size_t) noexcept { std::free(p); }

extern "C" {

ssize_t read(int fd, void *data, size_t n) {
  static const auto real = Real<ssize_t (*)(int, void *, size_t)>("read");
  if (CallFails()) return -1;
  if (fault == Fault::kShort) {
    if (++num_short % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    if (n > 1 && num_short % 3 == 1) n = n < 100 ? 1 : n / 2;
  }
  return real(fd, data, n);
}

ssize_t write(int fd, const void *data, size_t n) {
  static const auto real = Real<ssize_t (*)(int, const void *, size_t)>("write");
  if (CallFails()) return -1;
  if (fault == Fault::kShort) {
    if (++num_short % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    if (n > 1 && num_short % 3 == 1) n = n < 100 ? 1 : n / 2;
  }
  return real(fd, data, n);
}

int open(const char *path, int flags, ...) {
  static const auto real = Real<int (*)(const char *, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return CallFails() ? -1 : real(path, flags, mode);
}

int close(int fd) {  // closes, as Linux does, even where it reports an error
  static const auto real = Real<int (*)(int)>("close");
  const bool fails = CallFails();
  const int result = real(fd);
  if (fails) errno = fault_errno;
  return fails ? -1 : result;
}

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return CallFails() ? -1 : real(fd);
}

int rename(const char *from, const char *to) {
  static const auto real = Real<int (*)(const char *, const char *)>("rename");
  return CallFails() ? -1 : real(from, to);
}

off_t lseek(int fd, off_t offset, int whence) {
  static const auto real = Real<off_t (*)(int, off_t, int)>("lseek");
  return CallFails() ? -1 : real(fd, offset, whence);
}

int fstat(int fd, struct stat *st) noexcept {
  static const auto real = Real<int (*)(int, struct stat *)>("fstat");
  return CallFails() ? -1 : real(fd, st);
}

int pipe2(int *ends, int flags) noexcept {
  static const auto real = Real<int (*)(int *, int)>("pipe2");
  return CallFails() ? -1 : real(ends, flags);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
  static const auto real = Real<decltype(&posix_spawn)>("posix_spawn");
  return CallFails() ? EAGAIN : real(pid, path, actions, attributes, argv, envp);
}
}

namespace u2moe {
namespace {

namespace fs = std::filesystem;

int NumDescriptors() {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (readdir(dir)) ++n;
  closedir(dir);
  return n;
}

std::set<std::string> Names(const std::string &dir) {
  std::set<std::string> names;
  for (const auto &entry : fs::directory_iterator(dir)) names.insert(entry.path().filename());
  return names;
}

// Matrices of which the first is larger than the buffer of a stream.
std::vector<Tensor> Matrices() {
  Rng rng(9);
  return {RandomTensor(&rng, 250, 80), RandomTensor(&rng, 9, 2), RandomTensor(&rng, 1, 3)};
}

const std::vector<std::string> kKeys = {"a", "b", "c"};

// One piece of work on tables. `run` throws, or gives the right result, which it checks itself.
struct Work {
  std::string name;
  std::function<void(const std::string &dir)> run;
  std::set<std::string> outputs;  // files in dir that are whole if they are there
};

class FaultTest : public testing::Test {
 protected:
  FaultTest() : in_(TempDir() + "/in"), out_(TempDir() + "/out") {
    std::signal(SIGPIPE, SIG_IGN);
    fs::create_directories(in_);
    for (const char *options : {"", ",t"}) {
      const std::string name = in_ + (*options ? "/t" : "/m");
      MatrixWriter writer("ark,scp" + std::string(options) + ":" + name + ".ark," + name + ".scp");
      for (size_t i = 0; i < kKeys.size(); ++i) writer.Write(kKeys[i], matrices_[i]);
      writer.Close();
    }
  }

  static void ExpectEqual(const Tensor &got, const Tensor &want) {
    if (got.Shape() != want.Shape() || MaxAbsDiff(got, want) != 0) ADD_FAILURE() << "wrong value";
  }

  void ReadSequentially(const std::string &rspecifier) const {
    SequentialMatrixReader reader(rspecifier);
    for (size_t i = 0; i < kKeys.size(); ++i) {
      if (reader.Done()) {
        ADD_FAILURE() << rspecifier << " ends after " << i << " entries";
        return;
      }
      EXPECT_EQ(reader.Key(), kKeys[i]);
      if (i != 1) ExpectEqual(reader.Value(), matrices_[i]);  // one is skipped
      reader.Next();
    }
    EXPECT_TRUE(reader.Done());
    reader.Close();
  }

  void ReadRandomly(const std::string &rspecifier, bool sorted) const {
    RandomAccessMatrixReader reader(rspecifier);
    for (const size_t i : sorted ? std::vector<size_t>{1, 2} : std::vector<size_t>{2, 0, 1}) {
      if (reader.HasKey(kKeys[i])) {
        ExpectEqual(reader.Value(kKeys[i]), matrices_[i]);
      } else {
        ADD_FAILURE() << rspecifier << " lacks " << kKeys[i];
      }
    }
    EXPECT_FALSE(reader.HasKey("d"));
  }

  void Write(const std::string &wspecifier) const {
    MatrixWriter writer(wspecifier);
    for (size_t i = 0; i < kKeys.size(); ++i) writer.Write(kKeys[i], matrices_[i]);
    writer.Close();
  }

  // Runs the work with the n-th call failing, n = 1, 2... until no call is left to fail.
  void FailEverywhere(const Work &work, Fault kind) {
    std::string first_failure;
    int64_t n = 1;
    for (int num_failed = 0;; ++n) {
      ASSERT_LT(n, 20000) << work.name;
      fs::remove_all(out_);
      fs::create_directories(out_);
      const int descriptors = NumDescriptors();
      bool thrown = false;
      std::string what(200, ' ');  // room made before memory fails
      countdown = n;
      fault = kind;
      try {
        work.run(out_);
      } catch (const std::bad_alloc &) {
        thrown = true;
        what = "out of memory";
      } catch (const Error &e) {
        thrown = true;
        fault = Fault::kNone;
        what = e.what();
      }
      fault = Fault::kNone;
      const bool reached = countdown <= 0;
      SCOPED_TRACE(Cat(work.name, ": call ", n, thrown ? ": " + what : std::string()));
      EXPECT_TRUE(reached || !thrown) << "failed without a cause";
      EXPECT_EQ(NumDescriptors(), descriptors);
      errno = 0;
      EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
      for (const std::string &name : Names(out_)) {
        EXPECT_TRUE(work.outputs.count(name)) << name << " is left behind";
        if (work.outputs.count(name)) {
          EXPECT_TRUE(ReadFile(out_ + "/" + name) == whole_[name]) << name << " is not whole";
        }
      }
      if (!thrown) {
        EXPECT_EQ(Names(out_), work.outputs);
      }
      if (HasFailure() || !reached) break;
      num_failed += thrown;
    }
    EXPECT_GT(n, 3) << work.name << ": nothing was made to fail";
  }

  void FailInEveryWay(const Work &work) {
    fs::remove_all(out_);
    fs::create_directories(out_);
    work.run(out_);
    for (const std::string &name : work.outputs) whole_[name] = ReadFile(out_ + "/" + name);
    for (const int error : {EIO, ENOSPC}) {
      fault_errno = error;
      FailEverywhere(work, Fault::kCall);
    }
    FailEverywhere(work, Fault::kMemory);
    // Interrupted and short calls change nothing.
    fs::remove_all(out_);
    fs::create_directories(out_);
    num_short = 0;
    fault = Fault::kShort;
    work.run(out_);
    fault = Fault::kNone;
    for (const std::string &name : work.outputs)
      EXPECT_TRUE(ReadFile(out_ + "/" + name) == whole_[name]) << name;
  }

  const std::vector<Tensor> matrices_ = Matrices();
  const std::string in_, out_;
  std::map<std::string, std::string> whole_;
};

TEST_F(FaultTest, SequentialReading) {
  for (const std::string &spec :
       {"ark:" + in_ + "/m.ark", "scp:" + in_ + "/m.scp", "ark:" + in_ + "/t.ark",
        "scp,s:" + in_ + "/t.scp", "ark:cat " + in_ + "/m.ark |"}) {
    FailInEveryWay({spec, [this, spec](const std::string &) { ReadSequentially(spec); }, {}});
  }
}

TEST_F(FaultTest, ReadingInTheBackground) {
  for (const std::string &spec :
       {"ark,bg:" + in_ + "/m.ark", "scp,bg:" + in_ + "/m.scp", "ark,bg:cat " + in_ + "/m.ark |"}) {
    FailInEveryWay({spec, [this, spec](const std::string &) { ReadSequentially(spec); }, {}});
  }
}

TEST_F(FaultTest, RandomAccess) {
  const auto work = [this](const std::string &spec, bool sorted) {
    return Work{spec, [=](const std::string &) { ReadRandomly(spec, sorted); }, {}};
  };
  FailInEveryWay(work("ark:" + in_ + "/m.ark", false));
  FailInEveryWay(work("ark,s,cs,o:" + in_ + "/m.ark", true));
  FailInEveryWay(work("scp:" + in_ + "/m.scp", false));
  FailInEveryWay(work("ark:cat " + in_ + "/m.ark |", false));
}

TEST_F(FaultTest, Writing) {
  const auto work = [this](const std::string &options, const std::string &name) {
    return Work{options,
                [=](const std::string &dir) {
                  Write(options + ":" + dir + "/" + name + ".ark," + dir + "/" + name + ".scp");
                },
                {name + ".ark", name + ".scp"}};
  };
  FailInEveryWay(work("ark,scp", "x"));
  FailInEveryWay(work("ark,scp,t,f", "y"));
  FailInEveryWay({"ark", [this](const std::string &dir) { Write("ark:" + dir + "/z"); }, {"z"}});
}

TEST_F(FaultTest, WritingThroughScriptsAndCommands) {
  const std::string scp = in_ + "/out.scp";
  WriteFile(scp, Cat("a ", out_, "/1\nb ", out_, "/2\nc ", out_, "/3\n"));
  FailInEveryWay({"scp", [&](const std::string &) { Write("scp:" + scp); }, {"1", "2", "3"}});
  // What a command writes is its own affair; here it ends well only at the end of whole input.
  const std::string ark = in_ + "/m.ark";
  FailInEveryWay({"pipe", [&](const std::string &) { Write("ark:| cmp -s - " + ark); }, {}});
}

TEST_F(FaultTest, OtherTypes) {
  const std::string words = in_ + "/words", ints = in_ + "/ints";
  WriteFile(words, "a x y\nb\nc z\n");
  Int32VectorWriter writer("ark:" + ints);
  writer.Write("a", {1, 2});
  writer.Close();
  FailInEveryWay({"words",
                  [&](const std::string &) {
                    SequentialTokenVectorReader reader("ark:" + words);
                    size_t n = 0;
                    for (; !reader.Done(); reader.Next(), ++n) {
                      EXPECT_EQ(reader.Value().size(), n == 0 ? 2u : n == 1 ? 0u : 1u);
                    }
                    EXPECT_EQ(n, 3u);
                  },
                  {}});
  FailInEveryWay({"ints",
                  [&](const std::string &) {
                    SequentialInt32VectorReader reader("ark:" + ints);
                    EXPECT_EQ(reader.Value(), (std::vector<int32_t>{1, 2}));
                    reader.Next();
                    EXPECT_TRUE(reader.Done());
                  },
                  {}});
}

}  // namespace
}  // namespace u2moe
