// What recordings are found, and what they are called.
#include "pipeline/recording-list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "support/error-test.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

class RecordingListTest : public testing::Test {
 protected:
  RecordingListTest() : dir_(Cat(TempDir(), "/", ++count_)) { fs::create_directories(dir_); }

  void Make(const std::string &name) const {
    fs::create_directories(fs::path(dir_ + "/" + name).parent_path());
    WriteFile(dir_ + "/" + name, "12345");
  }
  // Names, in order.
  std::vector<std::string> Names(std::vector<std::string> arguments) {
    for (std::string &a : arguments) a = dir_ + (a.empty() ? "" : "/") + a;
    list_ = FindRecordings(arguments);
    std::vector<std::string> names;
    for (const Recording &r : list_.recordings) names.push_back(r.name);
    return names;
  }

  static int count_;
  std::string dir_;
  RecordingList list_;
};
int RecordingListTest::count_ = 0;

using Names_ = std::vector<std::string>;

TEST_F(RecordingListTest, FilesAreCalledAsTheyAre) {
  for (const char *name : {"talk.wav", "a b.c.flac", "no-extension", ".hidden", "x/talk.ogg"})
    Make(name);
  EXPECT_EQ(Names({"talk.wav"}), (Names_{"talk"}));
  EXPECT_EQ(list_.recordings[0].bytes, 5);
  EXPECT_EQ(Names({"a b.c.flac", "no-extension", ".hidden"}),
            (Names_{"a_b.c", "no-extension", ".hidden"}));
  EXPECT_EQ(list_.recordings[0].file, "a b.c");
  EXPECT_TRUE(list_.problems.empty());
  // Of one name: the extension tells them apart.
  EXPECT_EQ(Names({"x/talk.ogg", "talk.wav"}), (Names_{"talk.ogg", "talk.wav"}));
}

TEST_F(RecordingListTest, FoldersTellApartWhatExtensionsDoNot) {
  for (const char *name :
       {"x/talk.wav", "y/talk.wav", "y/z/talk.wav", "x/other.wav", "x/z/talk.wav"})
    Make(name);
  EXPECT_EQ(Names({"y/talk.wav", "x/other.wav", "x/talk.wav"}),
            (Names_{"y/talk.wav", "other", "x/talk.wav"}));
  EXPECT_EQ(Names({"x/z/talk.wav", "y/z/talk.wav"}), (Names_{"x/z/talk.wav", "y/z/talk.wav"}));
  EXPECT_EQ(list_.recordings[1].file, "y/z/talk.wav");
  // Names do not depend on the order.
  EXPECT_EQ(Names({"y/z/talk.wav", "x/z/talk.wav"}), (Names_{"y/z/talk.wav", "x/z/talk.wav"}));
}

TEST_F(RecordingListTest, FoldersAreSearched) {
  for (const char *name : {"b/2.wav", "b/1.FLAC", "b/notes.txt", "b/.git/3.wav", "b/.4.wav",
                           "b/deep/er/2.Ogg", "b/deep.wav", "a.mp4"})
    Make(name);
  EXPECT_EQ(Names({"b"}), (Names_{"1", "2", "deep", "deep/er/2"}));
  EXPECT_EQ(Names({""}), (Names_{"a", "b/1", "b/2", "b/deep", "b/deep/er/2"}));
  EXPECT_EQ(Names({"b/"}), (Names_{"1", "2", "deep", "deep/er/2"}));
  EXPECT_EQ(Names({"b/deep/../deep"}), (Names_{"er/2"}));
  fs::create_directories(dir_ + "/empty");
  EXPECT_TRUE(Names({"empty", "missing.wav"}).empty());
  ASSERT_EQ(list_.problems.size(), 2u);
  EXPECT_HAS(list_.problems[0].second, "no audio in this folder");
  EXPECT_HAS(list_.problems[1].second, "No such file or directory");
  // The same file by two ways.
  EXPECT_EQ(Names({"b/2.wav", "b"}), (Names_{"2", "1", "deep", "deep/er/2"}));
  ASSERT_EQ(list_.problems.size(), 1u);
  EXPECT_HAS(list_.problems[0].second, "is given twice");
}

TEST_F(RecordingListTest, KeysThatClashOnlyAsKeys) {
  for (const char *name : {"a b.wav", "a_b.wav", "\xff.wav"}) Make(name);
  EXPECT_EQ(Names({"a b.wav", "a_b.wav", "\xff.wav"}).size(), 3u);
  EXPECT_NE(list_.recordings[0].name, list_.recordings[1].name);
  EXPECT_NE(list_.recordings[0].file, list_.recordings[1].file);
  EXPECT_EQ(list_.recordings[2].name, "_");
}

TEST_F(RecordingListTest, PathsAsTheyAreGiven) {
  for (const char *name : {"a.wav", "two/a.wav"}) Make(name);
  fs::create_directories(dir_ + "/two/three");
  const fs::path before = fs::current_path();
  fs::current_path(dir_);
  list_ = FindRecordings({"a.wav", "./two/a.wav"});
  ASSERT_EQ(list_.recordings.size(), 2u);
  EXPECT_EQ(list_.recordings[0].name, "a.wav");
  EXPECT_EQ(list_.recordings[1].name, "two/a.wav");
  EXPECT_EQ(FindRecordings({"."}).recordings[1].name, "two/a");
  // Files of transcripts never lie above their folder.
  fs::current_path(dir_ + "/two/three");
  list_ = FindRecordings({"../a.wav", "../../a.wav"});
  ASSERT_EQ(list_.recordings.size(), 2u);
  for (const Recording &r : list_.recordings) EXPECT_EQ(r.file.find(".."), std::string::npos);
  fs::current_path(before);
}

TEST_F(RecordingListTest, WhatIsNoFile) {
  list_ = FindRecordings({"-", "sox x.wav -t wav - |"});
  ASSERT_EQ(list_.recordings.size(), 2u);
  EXPECT_EQ(list_.recordings[0].name, "stdin");
  EXPECT_EQ(list_.recordings[1].name, "pipe1");
  EXPECT_EQ(list_.recordings[1].bytes, 0);
}

}  // namespace
}  // namespace u2moe
