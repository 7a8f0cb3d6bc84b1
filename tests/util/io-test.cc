#include "util/io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/error.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(Input *input) {
  return {std::istreambuf_iterator<char>(input->Stream()), std::istreambuf_iterator<char>()};
}

// A directory of one test, to see every file that is left in it.
std::string FreshDir(const std::string &name) {
  const std::string dir = TempDir() + "/" + name;
  fs::create_directories(dir);
  return dir;
}

int NumFiles(const std::string &dir) {
  int n = 0;
  for (const auto &entry : fs::directory_iterator(dir)) n += entry.exists();
  return n;
}

TEST(Io, FilesRoundTripAllSizes) {
  const std::string path = FreshDir("sizes") + "/a file";
  for (const size_t n : {0u, 1u, 65535u, 65536u, 65537u, 300000u}) {
    std::string data(n, '\0');
    for (size_t i = 0; i < n; ++i) data[i] = static_cast<char>(i * 7 + i / 256);
    Output output(path);
    const size_t half = n / 3;
    output.Stream().write(data.data(), static_cast<std::streamsize>(half));
    for (size_t i = half; i < std::min(n, half + 10); ++i) output.Stream().put(data[i]);
    const size_t rest = std::min(n, half + 10);
    output.Stream().write(data.data() + rest, static_cast<std::streamsize>(n - rest));
    EXPECT_EQ(output.Position(), static_cast<int64_t>(n));
    output.Close();
    output.Close();
    Input input(path);
    EXPECT_EQ(ReadAll(&input), data);
    EXPECT_EQ(input.Position(), static_cast<int64_t>(n));
    input.Close();
  }
}

TEST(Io, NothingAppearsBeforeClose) {
  const std::string dir = FreshDir("atomic");
  {
    Output output(dir + "/x");
    output.Stream() << "half";
    output.Flush();
    EXPECT_FALSE(fs::exists(dir + "/x"));
  }
  EXPECT_EQ(NumFiles(dir), 0);
  WriteFile(dir + "/x", "old");
  {
    Output output(dir + "/x");
    output.Stream() << "new";
    EXPECT_EQ(ReadFile(dir + "/x"), "old");
  }
  EXPECT_EQ(ReadFile(dir + "/x"), "old");
  Output output(dir + "/x");
  output.Stream() << "new";
  output.Close();
  EXPECT_EQ(ReadFile(dir + "/x"), "new");
  EXPECT_EQ(NumFiles(dir), 1);
}

TEST(Io, KeepsModeFollowsLinksAndWritesDevices) {
  const std::string dir = FreshDir("kinds");
  WriteFile(dir + "/target", "old");
  chmod((dir + "/target").c_str(), 0640);
  fs::create_symlink("target", dir + "/link");
  Output output(dir + "/link");
  output.Stream() << "new";
  output.Close();
  EXPECT_EQ(ReadFile(dir + "/target"), "new");
  EXPECT_TRUE(fs::is_symlink(dir + "/link"));
  struct stat st;
  ASSERT_EQ(stat((dir + "/target").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640u);

  Output null("/dev/null");
  null.Stream() << "gone";
  null.Close();
  ASSERT_EQ(stat("/dev/null", &st), 0);
  EXPECT_TRUE(S_ISCHR(st.st_mode));
}

TEST(Io, LongNames) {
  const std::string path = FreshDir("long") + "/" + std::string(255, 'n');
  Output output(path);
  output.Stream() << "x";
  output.Close();
  EXPECT_EQ(ReadFile(path), "x");
}

TEST(Io, FullDeviceIsAnError) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  Output output("/dev/full");
  output.Stream() << "data";
  EXPECT_EQ(ErrorOf([&] { output.Close(); }), "cannot write /dev/full: No space left on device");
  Output large("/dev/full");
  large.Stream() << std::string(1 << 20, 'x');
  EXPECT_NE(ErrorOf([&] { large.Check(); }).find("No space left"), std::string::npos);
}

TEST(Io, OffsetsAndSeek) {
  const std::string path = FreshDir("offset") + "/f:7x";
  WriteFile(path, std::string(100000, 'a') + "bcd");
  Input input(path + ":100001");
  EXPECT_EQ(input.Position(), 100001);
  EXPECT_EQ(ReadAll(&input), "cd");
  input.Seek(99999);
  EXPECT_EQ(input.Stream().get(), 'a');
  input.Seek(0);
  EXPECT_EQ(input.Stream().get(), 'a');
  input.Seek(100000);
  EXPECT_EQ(input.Stream().get(), 'b');
  EXPECT_EQ(input.Position(), 100001);
  EXPECT_NE(ErrorOf([&] { Input(path + ":100004"); }).find("past the end"), std::string::npos);
  EXPECT_NE(ErrorOf([&] { Input(path + ":99999999999999999999"); }).find("too large"),
            std::string::npos);
  EXPECT_EQ(SplitOffset("a:b:12").path, "a:b");
  EXPECT_EQ(SplitOffset("a:b:12").offset, 12);
  EXPECT_EQ(SplitOffset("a:12b").offset, -1);
  EXPECT_EQ(SplitOffset(":12").offset, -1);
}

// What looks at a value twice goes back to its beginning, in a file alone.
TEST(Io, SeeksBackInFiles) {
  std::string text;
  for (int i = 0; i < 300000; ++i) text += static_cast<char>('a' + (i % 23) * (i % 23) % 23);
  const std::string path = TempDir() + "/back";
  std::ofstream(path) << text;
  const auto move = [](Input *input, int64_t by) {
    return static_cast<int64_t>(
        input->Stream().rdbuf()->pubseekoff(by, std::ios::cur, std::ios::in));
  };
  Input file(path);
  std::string got(text.size(), ' ');
  for (const int64_t size : {int64_t{10}, int64_t{100000}, int64_t{300000}}) {
    for (int pass = 0; pass < 3; ++pass) {
      file.Stream().read(got.data(), size);
      ASSERT_EQ(got.substr(0, static_cast<size_t>(size)),
                text.substr(0, static_cast<size_t>(size)));
      EXPECT_EQ(file.Position(), size);
      EXPECT_EQ(move(&file, 0), size);
      EXPECT_EQ(move(&file, -size - 1), -1);  // before the file
      EXPECT_EQ(file.Position(), size);
      EXPECT_EQ(move(&file, -size), 0);
    }
  }
  EXPECT_EQ(move(&file, 300001), -1);
  Input pipe("cat " + path + " |");
  pipe.Stream().read(got.data(), 300000);
  EXPECT_EQ(move(&pipe, 0), 300000);
  EXPECT_EQ(move(&pipe, -300000), -1);
  EXPECT_EQ(pipe.Position(), 300000);
}

TEST(Io, OffsetsBeyondFourGigabytes) {
  const std::string path = FreshDir("sparse") + "/big";
  const int64_t offset = (int64_t{1} << 32) + 5;
  WriteFile(path, "");
  const int fd = open(path.c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  if (pwrite(fd, "end", 3, offset) != 3) {
    close(fd);
    GTEST_SKIP() << "this file system does not store sparse files of 4 GiB";
  }
  close(fd);
  Input input(path + ":" + std::to_string(offset));
  EXPECT_EQ(ReadAll(&input), "end");
  EXPECT_EQ(input.Position(), offset + 3);
  fs::remove(path);
}

TEST(Io, Pipes) {
  Input input("printf 'a b' | tr ' ' - |");
  EXPECT_EQ(ReadAll(&input), "a-b");
  input.Close();

  const std::string path = FreshDir("pipe") + "/with space";
  Output output("| tr a b > '" + path + "'");
  output.Stream() << "banana";
  output.Close();
  EXPECT_EQ(ReadFile(path), "bbnbnb");
}

TEST(Io, FailedCommandsAreErrors) {
  Input input("echo x; exit 3 |");
  ReadAll(&input);
  EXPECT_EQ(ErrorOf([&] { input.Close(); }),
            "the command 'echo x; exit 3' ended with exit status 3");
  Input missing("/nonexistent/program 2>/dev/null |");
  ReadAll(&missing);
  EXPECT_NE(ErrorOf([&] { missing.Close(); }).find("status 127 (command not found)"),
            std::string::npos);
  Input killed("kill -9 $$ |");
  ReadAll(&killed);
  EXPECT_NE(ErrorOf([&] { killed.Close(); }).find("killed by signal 9"), std::string::npos);
  Output output("| cat > /dev/null; exit 4");
  output.Stream() << "x";
  EXPECT_NE(ErrorOf([&] { output.Close(); }).find("ended with exit status 4"), std::string::npos);
}

TEST(Io, CommandCutOffIsNoError) {
  Input input("yes 2> /dev/null |");
  EXPECT_EQ(input.Stream().get(), 'y');
  input.Close();
}

TEST(Io, CommandThatStopsReadingIsAnError) {
  std::signal(SIGPIPE, SIG_IGN);
  Output output("| true");
  for (int i = 0; i < 64; ++i) output.Stream() << std::string(1 << 16, 'x');
  EXPECT_NE(ErrorOf([&] { output.Close(); }).find("Broken pipe"), std::string::npos);
}

TEST(Io, StrangeNames) {
  EXPECT_THROW(Input(""), UsageError);
  EXPECT_THROW(Input(" a"), UsageError);
  EXPECT_THROW(Input("| cat"), UsageError);
  EXPECT_THROW(Output("cat |"), UsageError);
  EXPECT_THROW(Input("ark:a.ark"), UsageError);
  EXPECT_NE(ErrorOf([] { Input("/nonexistent/x"); }).find("/nonexistent/x: No such file"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { Output("/nonexistent/x"); }).find("does the directory /nonexistent exist"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { Input("/"); }).find("is a directory"), std::string::npos);
  EXPECT_NE(ErrorOf([] { Output("/tmp"); }).find("is a directory"), std::string::npos);
}

}  // namespace
}  // namespace u2moe
