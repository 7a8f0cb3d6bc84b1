// What of a table is read, held and skipped, and when: large archives, random access, option bg.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

using Ints = std::vector<int32_t>;

std::string MakeFile(const std::string &name, const std::string &contents) {
  WriteFile(File(name), contents);
  return File(name);
}

// Numbers that know how many of them are alive, and how many were ever read.
struct Counted {
  static inline std::atomic<int> alive{0}, most{0}, read{0};
  int32_t number = 0;

  Counted() { Count(); }
  Counted(const Counted &other) : number(other.number) { Count(); }
  Counted(Counted &&other) noexcept : number(other.number) { Count(); }
  Counted &operator=(const Counted &) = default;
  ~Counted() { --alive; }
  void Count() { most = std::max<int>(most, ++alive); }
  static void Reset() { most = alive.load(), read = 0; }
};

struct CountedHolder {
  using T = Counted;
  static void Read(std::istream &is, T *value) {
    Int32Holder::Read(is, &value->number);
    ++Counted::read;
  }
  static void Skip(std::istream &is) {
    int32_t ignored;
    Int32Holder::Read(is, &ignored);
  }
};

std::string Key(int i) { return std::to_string(100000 + i); }

// Keys 100000 to 100999.
std::string ThousandNumbers() {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += Key(i) + " " + std::to_string(i) + "\n";
  return MakeFile("thousand", text);
}

TEST(TableAccess, CalledSortedHoldsNoMoreThanNeeded) {
  const std::string path = ThousandNumbers();
  Counted::Reset();
  {
    RandomAccessTableReader<CountedHolder> reader("ark,s,cs:" + path);
    for (int i = 5; i < 900; i += 50) {
      EXPECT_EQ(reader.Value(Key(i)).number, i);
      EXPECT_FALSE(reader.HasKey(Key(i) + "-absent"));
    }
  }
  // One asked for, one read too far, and what moving them takes.
  EXPECT_LE(Counted::most, 5);
  EXPECT_LE(Counted::read, 2 * 18);  // the others were skipped
  EXPECT_GE(Counted::read, 18);
}

TEST(TableAccess, SortedDoesNotReadOn) {
  Counted::Reset();
  RandomAccessTableReader<CountedHolder> reader("ark,s:" + ThousandNumbers());
  EXPECT_EQ(reader.Value(Key(9)).number, 9);
  EXPECT_FALSE(reader.HasKey(Key(9) + "x"));
  EXPECT_EQ(Counted::read, 11);
  EXPECT_EQ(reader.Value(Key(3)).number, 3);  // without cs, what was passed is still there
  EXPECT_EQ(Counted::read, 11);
}

TEST(TableAccess, OnceForgets) {
  Counted::Reset();
  {
    RandomAccessTableReader<CountedHolder> reader("ark,o:" + ThousandNumbers());
    for (int i = 0; i < 500; ++i) EXPECT_EQ(reader.Value(Key(i)).number, i);
  }
  EXPECT_LE(Counted::most, 5);
}

TEST(TableAccess, ScriptValuesAreReadWhenAskedFor) {
  std::string scp;
  for (int i = 0; i < 100; ++i) {
    scp += Key(i) + " " + MakeFile("one" + std::to_string(i), std::to_string(i) + "\n") + "\n";
  }
  Counted::Reset();
  RandomAccessTableReader<CountedHolder> reader("scp:" + MakeFile("many.scp", scp));
  EXPECT_EQ(reader.Value(Key(70)).number, 70);
  EXPECT_EQ(reader.Value(Key(70)).number, 70);
  EXPECT_EQ(Counted::read, 1);
  EXPECT_LE(Counted::most, 2);
}

TEST(TableAccess, SkippedValuesAreNotHeld) {
  Counted::Reset();
  SequentialTableReader<CountedHolder> reader("ark:" + ThousandNumbers());
  for (int i = 0; !reader.Done(); reader.Next(), ++i) {
    if (i % 100 == 7) {
      EXPECT_EQ(reader.Value().number, i);
    }
  }
  EXPECT_EQ(Counted::read, 10);
}

TEST(TableAccess, BackgroundReadsAhead) {
  Counted::Reset();
  SequentialTableReader<CountedHolder> reader("ark,bg:" + ThousandNumbers());
  for (int i = 0; i < 1000 && Counted::read < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GE(Counted::read, 5);  // though nobody has asked for a value
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(Counted::read, 7);  // and no more than a few
  int n = 0;
  for (; !reader.Done(); reader.Next()) EXPECT_EQ(reader.Value().number, n++);
  EXPECT_EQ(n, 1000);
}

// What a loop over a table sees, as text.
std::string Story(const std::string &rspecifier) {
  std::string story;
  try {
    SequentialInt32VectorReader reader(rspecifier);
    for (; !reader.Done(); reader.Next()) {
      story += reader.Key() + "=";
      try {
        for (int32_t x : reader.Value()) story += std::to_string(x) + " ";
      } catch (const DataError &e) {
        story += Cat("bad: ", e.what());
      } catch (const Error &e) {
        story += Cat("broken: ", e.what());
      }
      story += "\n";
    }
    reader.Close();
  } catch (const UsageError &e) {
    story += Cat("usage: ", e.what());
  } catch (const DataError &e) {
    story += Cat("data: ", e.what());
  } catch (const Error &e) {
    story += Cat("error: ", e.what());
  }
  return story;
}

TEST(TableAccess, BackgroundGivesTheSameResultsAndErrors) {
  const std::string text = MakeFile("bad", "a 1\nb 2 x\nc 3\nd 99999999999\ne 5\n");
  const std::string cut = MakeFile("cut", std::string("a \0B\4\1\0\0\0\4\7\0\0\0b \0B\4\2", 20));
  const std::string unsorted = MakeFile("unsorted", "b 1\na 2\n");
  const std::string scp = MakeFile(
      "mixed.scp", "a echo 1 2 |\nb " + File("absent") + "\nc echo 3; exit 4 |\nd echo 5 |\n");
  const std::string broken = MakeFile("broken.scp", "a echo 1 |\nb\n");
  for (const auto &[options, rest] : std::vector<std::pair<std::string, std::string>>{
           {"ark", text},
           {"ark,p", text},
           {"ark", cut},
           {"ark,p", cut},
           {"ark,s", unsorted},
           {"ark", File("absent")},
           {"ark", "/dev/null"},
           {"ark", "echo a 1; exit 5 |"},
           {"ark", "exit 5 |"},
           {"ark,p", "echo a 1; exit 5 |"},
           {"ark", "for i in `seq 2000`; do echo k$i $i; done |"},
           {"scp", scp},
           {"scp,p", scp},
           {"scp", broken},
           {"scp", File("absent")}}) {
    const std::string want = Story(options + ":" + rest);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Story(options + ",bg:" + rest), want) << rest;
  }
  EXPECT_HAS(Story("ark,bg:" + text), "b=bad: " + text + ": key 'b' at byte 4");
  EXPECT_HAS(Story("ark,bg:echo a 1; exit 5 |"), "a=1 \nerror: the command 'echo a 1; exit 5'");
}

TEST(TableAccess, BackgroundReaderNeedNotBeReadToItsEnd) {
  // Each of these would hang if the end waited for the thread to have read it all.
  {
    // The thread waits for more from a command that says nothing: the end does not wait with it.
    SequentialInt32VectorReader reader("ark,bg:echo a 1; exec 1>&-; exec sleep 0.2 |");
    EXPECT_EQ(reader.Value(), Ints{1});
  }
  {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], "a 1\nb 2\n", 8), 8);
    SequentialInt32VectorReader reader("ark,bg:/dev/fd/" + std::to_string(ends[0]));
    EXPECT_EQ(reader.Value(), Ints{1});
    reader.Close();
    close(ends[0]);
    close(ends[1]);
  }
  SequentialInt32VectorReader endless("ark,bg:while true; do echo a 1; done |");
  endless.Next();
  endless.Close();
}

// An archive of 20 GB, sparse, in which small matrices stand between huge ones.
class LargeArchive : public testing::Test {
 protected:
  void SetUp() override {
    path_ = File("large.ark");
    WriteFile(path_, "");
    Put("a", 1);
    PutHuge("huge1", 1 << 20, 1100);  // 4.6 GB
    Put("b", 2);
    PutHuge("huge2", 1 << 20, 3800);  // 15.9 GB
    Put("c", 3);
    struct stat st;
    ASSERT_EQ(stat(path_.c_str(), &st), 0);
    if (st.st_size != end_) {
      std::filesystem::remove(path_);
      GTEST_SKIP() << "this file system does not store sparse files of 20 GB";
    }
    ASSERT_GT(end_, int64_t{20} * 1000 * 1000 * 1000);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void Append(const std::string &bytes) {
    const int fd = open(path_.c_str(), O_WRONLY);
    ASSERT_GE(fd, 0);
    if (pwrite(fd, bytes.data(), bytes.size(), end_) < 0) end_ = -1;
    close(fd);
    end_ += static_cast<int64_t>(bytes.size());
  }

  static std::string Header(const std::string &key, int32_t rows, int32_t cols) {
    std::string bytes = key + std::string(" \0BFM \4", 7);
    bytes.append(reinterpret_cast<const char *>(&rows), 4).append("\4");
    return bytes.append(reinterpret_cast<const char *>(&cols), 4);
  }

  void Put(const std::string &key, float value) {
    scp_ += key + " " + path_ + ":" + std::to_string(end_ + 2) + "\n";
    Append(Header(key, 1, 1) + std::string(reinterpret_cast<const char *>(&value), 4));
  }

  void PutHuge(const std::string &key, int32_t rows, int32_t cols) {
    Append(Header(key, rows, cols));
    end_ += int64_t{4} * rows * cols;
  }

  std::string path_, scp_;
  int64_t end_ = 0;
};

TEST_F(LargeArchive, ScriptOffsets) {
  const std::string scp = MakeFile("large.scp", scp_);
  RandomAccessMatrixReader random("scp:" + scp);
  EXPECT_EQ(random.Value("c")(0, 0), 3);
  EXPECT_EQ(random.Value("a")(0, 0), 1);
  EXPECT_EQ(random.Value("b")(0, 0), 2);
  SequentialMatrixReader sequential("scp:" + scp);
  for (float want = 1; !sequential.Done(); sequential.Next()) {
    EXPECT_EQ(sequential.Value()(0, 0), want++);
  }
}

TEST_F(LargeArchive, HugeMatricesAreSkippedWithoutBeingHeld) {
  std::string keys;
  SequentialMatrixReader reader("ark:" + path_);  // with 20 GB of data this must take no time
  for (; !reader.Done(); reader.Next()) {
    keys += reader.Key() + " ";
    if (reader.Key().size() == 1) {
      EXPECT_EQ(reader.Value()(0, 0), reader.Key()[0] - 'a' + 1);
    }
  }
  EXPECT_EQ(keys, "a huge1 b huge2 c ");
  RandomAccessMatrixReader random("ark,cs:" + path_);
  EXPECT_HAS(ErrorOf([&] {
               random.HasKey("i");  // passes over all
               random.HasKey("c");
             }),
             "key 'c' is asked for after 'i'");
}

TEST_F(LargeArchive, CutWithinAHugeMatrix) {
  ASSERT_EQ(truncate(path_.c_str(), int64_t{1} << 20), 0);
  SequentialMatrixReader reader("ark:" + path_);
  reader.Next();
  EXPECT_EQ(reader.Key(), "huge1");
  EXPECT_HAS(ErrorOf([&] { reader.Next(); }),
             "key 'huge1' at byte 21: the data end after 1048534 of 4613734400");
}

}  // namespace
}  // namespace u2moe
