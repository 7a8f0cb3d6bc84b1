#include "util/places.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "support/error-test.h"
#include "support/test-util.h"
#include "table/kaldi-tables.h"
#include "table/text-tables.h"
#include "util/io.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

class PlacesTest : public testing::Test {
 protected:
  PlacesTest() : dir_(TempDir() + "/" + Name()) {
    fs::create_directories(dir_ + "/sub");
    WriteFile(InDir("old"), "old");
  }
  ~PlacesTest() override { PlaceRegister::Forget(); }

  static std::string Name() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  std::string InDir(const std::string &name) const { return dir_ + "/" + name; }
  bool Same(const std::string &a, const std::string &b) const {
    return SameOutput(FindPlace(a, false), FindPlace(b, false));
  }
  void Write(const std::string &path, const std::string &text) {
    Output output(path);
    output.Stream() << text;
    output.Close();
  }

  std::string dir_;
};

TEST_F(PlacesTest, SpellingsOfOnePlace) {
  fs::create_symlink("sub", InDir("link"));
  fs::create_symlink("x", InDir("to_x"));
  fs::create_symlink(InDir("to_x"), InDir("to_to_x"));
  fs::create_hard_link(InDir("old"), InDir("hard"));
  const std::vector<std::string> x = {"x", "./x", "sub/../x", "link/../x", "to_x", "to_to_x", "/x"};
  for (const std::string &a : x) {
    for (const std::string &b : x) EXPECT_TRUE(Same(InDir(a), InDir(b))) << a << " " << b;
    EXPECT_FALSE(Same(InDir(a), InDir("sub/x"))) << a;
    EXPECT_FALSE(Same(InDir(a), "-")) << a;
  }
  EXPECT_TRUE(Same(InDir("sub/x"), InDir("link//x")));
  EXPECT_TRUE(Same(InDir("old"), InDir("hard")));
  EXPECT_TRUE(Same(InDir("missing/x"), InDir("missing/y/../x")));
  for (const char *a : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    for (const char *b : {"-", "/dev/stdout", "/dev/fd/1"}) EXPECT_TRUE(Same(a, b)) << a << b;
    EXPECT_TRUE(IsStandardOutput(a)) << a;
  }
  EXPECT_FALSE(IsStandardOutput(InDir("x")));
  EXPECT_FALSE(IsStandardOutput(""));
  EXPECT_FALSE(Same("/dev/null", "/dev/null"));
  EXPECT_FALSE(Same("| cat", "| cat"));
  EXPECT_TRUE(WritesOver(FindPlace(InDir("hard"), false), FindPlace(InDir("old:17"), true)));
  EXPECT_FALSE(WritesOver(FindPlace("/dev/null", false), FindPlace("/dev/null", true)));
  EXPECT_TRUE(SharesBytes(FindPlace("/dev/fd/0", true), FindPlace("-", true)));
  EXPECT_FALSE(SharesBytes(FindPlace(InDir("old"), true), FindPlace(InDir("old"), true)));
}

TEST_F(PlacesTest, FollowLinksEnds) {
  fs::create_symlink("b", InDir("a"));
  fs::create_symlink("a", InDir("b"));
  EXPECT_THROW(FollowLinks(InDir("a")), Error);
  fs::create_symlink("gone/file", InDir("dangling"));
  EXPECT_EQ(FollowLinks(InDir("dangling")), fs::canonical(dir_).string() + "/gone/file");
  EXPECT_EQ(DescriptorOf(FollowLinks("/dev/fd/17")), 17);
  EXPECT_EQ(DescriptorOf(FollowLinks(InDir("17"))), -1);
}

TEST_F(PlacesTest, CheckNamesBoth) {
  const auto check = [](const std::function<void(Places *)> &declare) {
    Places places;
    declare(&places);
    return ErrorOf([&] { places.Check(); });
  };
  EXPECT_EQ(check([&](Places *p) {
              p->Read("a", "ark:" + InDir("old"));
              p->Read("b", "scp:" + InDir("old"));
              p->Write("c", "ark,scp:" + InDir("c") + "," + InDir("d"));
              p->Write("e", InDir("e"));
              p->Write("f", "");
              p->Write("g", "ark,what:x");
              p->Print("h");
            }),
            "(no error)");
  EXPECT_HAS(check([&](Places *p) {
               p->Write("the one", "ark,t:" + InDir("x"));
               p->Write("the other", "ark,scp:" + InDir("y") + "," + InDir("sub/../x"));
             }),
             "the one and the script of the other would both be written to ");
  EXPECT_HAS(check([&](Places *p) {
               p->Read("the one", InDir("old") + ":3");
               p->WriteInPlace("the other", InDir("sub/../old"));
             }),
             "the other would be written over an input, the one");
  // The script of an scp alone says where the values go, and is read.
  EXPECT_EQ(check([&](Places *p) {
              p->Read("the one", "scp:" + InDir("old"));
              p->Write("the other", "scp:" + InDir("old"));
            }),
            "(no error)");
  EXPECT_HAS(check([&](Places *p) {
               p->Read("the one", "scp:-");
               p->Read("the other", "/dev/stdin");
             }),
             "standard input is read twice, by the one and the other");
  EXPECT_HAS(check([&](Places *p) {
               p->Print("the table");
               p->Write("the other", "ark:/dev/stdout");
             }),
             "the table and the other would both be written to standard output");
}

TEST_F(PlacesTest, WithoutWatchingAFileIsReadAndWrittenInTurn) {
  for (int i = 0; i < 2; ++i) {
    Write(InDir("x"), "x");
    Input(InDir("x")).Close();
  }
}

TEST_F(PlacesTest, RegisterRefusesWhileRunning) {
  PlaceRegister::Watch();
  Input(InDir("old")).Close();
  EXPECT_HAS(ErrorOf([&] { Output output(InDir("sub/../old")); }), "which this command has read");
  EXPECT_EQ(ReadFile(InDir("old")), "old");
  {
    Output output(InDir("x"));
    EXPECT_HAS(ErrorOf([&] { Output second(InDir("sub/../x")); }), "would both be written to");
    EXPECT_FALSE(fs::exists(InDir("x")));
    output.Close();
  }
  Write(InDir("x"), "again");
  Write(InDir("y"), "a checkpoint");
  Input(InDir("y")).Close();  // that is read again
  EXPECT_HAS(ErrorOf([&] { Output output(InDir("y")); }), "which this command has read");
  WriteFile(InDir("z"), "z");
  {
    Output output(InDir("z"));
    EXPECT_HAS(ErrorOf([&] { Input input(InDir("z:0")); }), "z would be written over an input");
  }
  Input(InDir("z")).Close();  // that output was given up
}

TEST_F(PlacesTest, ANewFileIsNotTakenForAnOldOneOfTheSameInode) {
  PlaceRegister::Watch();
  for (int i = 0; i < 20; ++i) {  // file systems give a number that is free to the next file
    Write(InDir("read"), "r");
    Input(InDir("read")).Close();
    fs::remove(InDir("read"));
    Write(InDir("log"), "l");
  }
}

TEST_F(PlacesTest, ReservedPlacesAreNotRead) {
  PlaceRegister::Watch();
  Places places;
  places.Write("--json=x", InDir("old"));
  places.WriteInPlace("the checkpoint", InDir("in_place"));
  WriteFile(InDir("in_place"), "x");
  places.Check();
  EXPECT_HAS(ErrorOf([&] { Input input(InDir("old")); }),
             "--json=x would be written over an input");
  Input(InDir("in_place")).Close();
  Write(InDir("old"), "new");
  EXPECT_HAS(ErrorOf([&] { Input input(InDir("old")); }),
             "--json=x would be written over an input");
}

TEST_F(PlacesTest, ValuesOfScripts) {
  Int32VectorWriter writer("ark,scp:" + InDir("v.ark") + "," + InDir("v.scp"));
  writer.Write("a", {1});
  writer.Write("b", {2});
  writer.Close();
  PlaceRegister::Watch();
  Output pending(InDir("v.ark"));
  for (const char *kind : {"scp:", "scp,bg:"}) {
    SequentialInt32VectorReader reader(kind + InDir("v.scp"));
    EXPECT_HAS(ErrorOf([&] { reader.Value(); }), "v.ark would be written over an input") << kind;
  }
  EXPECT_HAS(ErrorOf([&] { SequentialInt32VectorReader("scp,p:" + InDir("v.scp")); }), "v.ark");
  RandomAccessInt32VectorReader by_key("scp:" + InDir("v.scp"));
  EXPECT_HAS(ErrorOf([&] { by_key.Value("a"); }), "v.ark would be written over an input");
  RandomAccessInt32VectorReader permissive("scp,p:" + InDir("v.scp"));
  EXPECT_HAS(ErrorOf([&] { permissive.HasKey("a"); }), "v.ark would be written over an input");
}

TEST_F(PlacesTest, Threads) {
  PlaceRegister::Watch();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string path = InDir(Cat("t", t, "-", i % 3));
        Write(path, "x");
        Input(InDir("old")).Close();
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
}

}  // namespace
}  // namespace u2moe
