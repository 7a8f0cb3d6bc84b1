#include "transcript/ctm-reader.h"

#include <gtest/gtest.h>

#include "support/error-test.h"
#include "transcript/transcript-files.h"

namespace u2moe {
namespace {

TimedSegment Segment(const std::string &recording, std::vector<TimedWord> words) {
  return {recording, 1, recording + "-1", 0, 9, std::move(words)};
}

TEST(CtmReader, ReadsWhatTheWriterWrote) {
  TranscriptOptions opts;
  TranscriptFiles files(opts, File("a.ctm"));
  files.Write(Segment("b", {{"x", 0.5, 1, 0.25}, {"\u00fc", 1, 1.125}}));
  files.Write(Segment("a", {{"y", 2, 3}}));
  files.Close();
  const auto recordings = ReadCtm(File("a.ctm"));
  ASSERT_EQ(recordings.size(), 2u);
  const std::vector<TimedWord> &words = recordings.at("b");
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].text, "x");
  EXPECT_EQ(words[0].begin, 0.5);
  EXPECT_EQ(words[0].end, 1);
  EXPECT_EQ(words[0].confidence, 0.25);
  EXPECT_EQ(words[1].text, "\u00fc");
  EXPECT_EQ(words[1].end, 1.125);
  EXPECT_EQ(words[1].confidence, -1);
}

TEST(CtmReader, CommentsAndErrors) {
  const auto error = [](const std::string &text) {
    WriteFile(File("b.ctm"), text);
    return ErrorOf([] { ReadCtm(File("b.ctm")); });
  };
  EXPECT_EQ(error("\xef\xbb\xbf;; comment\n\n a A 0 1 x\r\n;;b 1 x"), "(no error)");
  EXPECT_EQ(error(""), "(no error)");
  EXPECT_HAS(error("a 1 0 1\n"), "b.ctm:1: expected: recording channel begin duration word");
  EXPECT_HAS(error("a 1 0 1 x\na 1 0 1 x 0.5 0.5\n"), "b.ctm:2: expected");
  EXPECT_HAS(error("a 1 zero 1 x\n"), "expected");
  EXPECT_HAS(error("a 1 0 1 x -1\n"), "confidence -1 is not in 0 to 1");
  EXPECT_HAS(error("a 1 0 1 x nan\n"), "confidence nan is not in 0 to 1");
  EXPECT_HAS(error("a 1 0 1 x 1.5\n"), "confidence 1.5");
  EXPECT_HAS(error("a 1 0 -1 x\n"), "ends before");
  EXPECT_HAS(error("a 1 nan 1 x\n"), "no time of a recording");
  EXPECT_HAS(error("a 1 0 inf x\n"), "no time of a recording");
  EXPECT_HAS(error("a 1 0 1 \xff\n"), "UTF-8");
}

TEST(TranscriptFiles, OneForEachRecording) {
  TranscriptOptions opts;
  opts.format = "srt";
  TranscriptFiles one(opts, File("one.srt"));
  one.Write(Segment("a", {{"x", 0, 1}}));
  EXPECT_HAS(ErrorOf([&] { one.Write(Segment("b", {})); }),
             "--format=srt holds one recording a file, and 'b' comes after 'a'; write {recording} "
             "into the name of the output, as in 'out/{recording}.srt'");
  one.Write(Segment("a", {{"y", 2, 4}}));
  one.Close();
  EXPECT_HAS(ReadFile(File("one.srt")), "2\n00:00:02,000 --> 00:00:04,000\ny\n");

  TranscriptFiles each(opts, File("each-{recording}.srt"));
  each.Write(Segment("a", {{"x", 0, 1}}));
  each.Write(Segment("b", {{"y", 0, 1}}));
  EXPECT_HAS(ReadFile(File("each-a.srt")), "x");  // complete by now
  EXPECT_HAS(ErrorOf([&] { each.Write(Segment("a", {})); }), "do not follow one another");
  EXPECT_HAS(ErrorOf([&] { each.Write(Segment("c/d", {})); }), "cannot be the name of a file");
  EXPECT_HAS(ErrorOf([&] { each.Write(Segment("..", {})); }), "cannot be the name of a file");
  each.Write(Segment("b", {{"z", 2, 4}}));
  each.Close();
  EXPECT_HAS(ReadFile(File("each-b.srt")), "z");

  // Without a recording: an empty document, or none at all.
  opts.format = "json";
  TranscriptFiles(opts, File("empty.json")).Close();
  EXPECT_EQ(ReadFile(File("empty.json")), "{\"segments\": []}\n");
  TranscriptFiles(opts, File("none-{recording}.json")).Close();
}

}  // namespace
}  // namespace u2moe
