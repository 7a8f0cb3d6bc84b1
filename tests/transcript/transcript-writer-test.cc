#include "transcript/transcript-writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/error-test.h"
#include "transcript/cues.h"
#include "util/options.h"
#include "util/text.h"

namespace u2moe {
namespace {

std::string Written(const std::string &format, const std::vector<TimedSegment> &segments) {
  TranscriptOptions opts;
  opts.format = format;
  std::ostringstream os;
  const std::unique_ptr<TranscriptWriter> writer = MakeTranscriptWriter(opts, &os);
  for (const TimedSegment &segment : segments) writer->Write(segment);
  writer->Close();
  return os.str();
}

TimedSegment Segment(double begin, double end, std::vector<TimedWord> words) {
  return {"rec", 1, "utt", begin, end, std::move(words)};
}

// Two segments of one recording, the second without words, the first with and without confidence.
std::vector<TimedSegment> Usual() {
  return {Segment(1, 3, {{"ein", 1.2, 1.4567, 0.98765}, {"wort", 1.4567, 2.0004, 1}}),
          Segment(3, 4, {}), Segment(4, 5.5, {{"mehr", 4.5, 5, -1}})};
}

TEST(TranscriptWriter, Text) { EXPECT_EQ(Written("text", Usual()), "ein wort\nmehr\n"); }

TEST(TranscriptWriter, Ctm) {
  EXPECT_EQ(Written("ctm", Usual()),
            "rec 1 1.200 0.257 ein 0.9877\n"
            "rec 1 1.457 0.543 wort 1.0000\n"
            "rec 1 4.500 0.500 mehr\n");
  EXPECT_EQ(Written("ctm", {}), "");
  TimedSegment other = Segment(0, 1, {{"x", 0, 0, 0}});
  other.recording = "my\u00a0 talk";
  other.channel = 2;
  EXPECT_EQ(Written("ctm", {Segment(0, 1, {{"a", 0, 1}}), other}),
            "rec 1 0.000 1.000 a\nmy_talk 2 0.000 0.000 x 0.0000\n");
}

// What touches before rounding touches after it, whatever the times.
TEST(TranscriptWriter, CtmWordsTouchAfterRounding) {
  for (int i = 0; i < 1000; ++i) {
    const double edge = 1 + i * 0.00037;
    std::istringstream is(
        Written("ctm", {Segment(0, 9, {{"a", 0.4999 + i * 1e-4, edge}, {"b", edge, 9}})}));
    std::string rec, channel, word;
    double begin_a, duration_a, begin_b;
    is >> rec >> channel >> begin_a >> duration_a >> word >> rec >> channel >> begin_b;
    ASSERT_EQ(Milliseconds(begin_a) + Milliseconds(duration_a), Milliseconds(begin_b)) << edge;
  }
}

TEST(TranscriptWriter, Json) {
  TimedSegment odd = Segment(0, 2, {{"\"\\<é", 0, 1.5, 0.5}});
  odd.recording = "a\"b c";
  odd.channel = 2;
  const std::string text = Written("json", {odd, Segment(3, 4, {})});
  EXPECT_EQ(text,
            "{\"segments\": [\n"
            "{\"recording\": \"a\\\"b c\", \"channel\": 2, \"utterance\": \"utt\", "
            "\"begin\": 0.000, \"end\": 2.000, \"text\": \"\\\"\\\\<é\", \"words\": ["
            "{\"word\": \"\\\"\\\\<é\", \"begin\": 0.000, \"end\": 1.500, \"confidence\": 0.5000}"
            "]},\n"
            "{\"recording\": \"rec\", \"channel\": 1, \"utterance\": \"utt\", \"begin\": 3.000, "
            "\"end\": 4.000, \"text\": \"\", \"words\": []}\n]}\n");
  EXPECT_EQ(nlohmann::json::parse(text)["segments"][0]["words"][0]["word"], "\"\\<é");
  EXPECT_EQ(nlohmann::json::parse(Written("json", {}))["segments"].size(), 0u);
}

TEST(TranscriptWriter, Srt) {
  EXPECT_EQ(Written("srt", Usual()),
            "1\n00:00:01,200 --> 00:00:02,200\nein wort\n\n"
            "2\n00:00:04,500 --> 00:00:05,500\nmehr\n\n");
  EXPECT_EQ(Written("srt", {}), "");
  // There are no escapes, and one thing that must not be there.
  EXPECT_HAS(Written("srt", {Segment(0, 1, {{"<i>&-->", 0, 1}})}), "\n<i>&->\n");
}

TEST(TranscriptWriter, HoursTakeTheDigitsTheyNeed) {
  const std::vector<TimedSegment> late = {
      Segment(359999, 500000, {{"a", 359999.9996, 400000}, {"b", 450000.25, 450000.5}})};
  EXPECT_EQ(Written("srt", late),
            "1\n100:00:00,000 --> 111:06:40,000\na\n\n"
            "2\n125:00:00,250 --> 125:00:01,250\nb\n\n");
  EXPECT_HAS(Written("vtt", late), "100:00:00.000 --> 111:06:40.000\na\n");
}

TEST(TranscriptWriter, Vtt) {
  EXPECT_EQ(Written("vtt", {}), "WEBVTT\n\n");
  EXPECT_EQ(Written("vtt", {Segment(0, 2, {{"<c>&amp;-->", 0, 1.5}})}),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n&lt;c&gt;&amp;amp;--&gt;\n\n");
}

// Cues stand in the order of time; each says its channel where there are several.
TEST(TranscriptWriter, SubtitlesOfTwoChannels) {
  TimedSegment second = Segment(0, 2, {{"b", 0.5, 2}});
  second.channel = 2;
  const std::vector<TimedSegment> both = {Segment(0, 9, {{"a", 0, 3}, {"c", 5, 6}}), second};
  EXPECT_EQ(Written("vtt", both),
            "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n<v Channel 1>a\n\n"
            "00:00:00.500 --> 00:00:02.000\n<v Channel 2>b\n\n"
            "00:00:05.000 --> 00:00:06.000\n<v Channel 1>c\n\n");
  EXPECT_EQ(Written("srt", both),
            "1\n00:00:00,000 --> 00:00:03,000\n[1] a\n\n2\n00:00:00,500 --> 00:00:02,000\n[2] "
            "b\n\n3\n00:00:05,000 --> 00:00:06,000\n[1] c\n\n");
}

TEST(TranscriptWriter, CuesOfAChannelDoNotOverlap) {
  EXPECT_EQ(Written("srt", {Segment(0, 3, {{"a", 0, 2.5}}), Segment(2, 5, {{"b", 2, 2}}),
                            Segment(2, 5, {{"c", 2, 5}})}),
            "1\n00:00:00,000 --> 00:00:02,000\na\n\n2\n00:00:02,000 --> 00:00:02,001\nb\n\n"
            "3\n00:00:02,000 --> 00:00:05,000\nc\n\n");
}

std::string Interval(int number, const std::string &begin, const std::string &end,
                     const std::string &text) {
  return Cat("        intervals [", number, "]:\n            xmin = ", begin,
             "\n            xmax = ", end, "\n            text = \"", text, "\"\n");
}

TEST(TranscriptWriter, TextGridFillsSilence) {
  EXPECT_EQ(
      Written("textgrid",
              {Segment(0.5, 2, {{"say\"", 0.5, 1}, {"b", 1.25, 2}}), Segment(3, 4, {})}),
      "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0.000\nxmax = 4.000\n"
      "tiers? <exists>\nsize = 2\nitem []:\n"
      "    item [1]:\n        class = \"IntervalTier\"\n        name = \"utterances\"\n"
      "        xmin = 0.000\n        xmax = 4.000\n        intervals: size = 3\n" +
          Interval(1, "0.000", "0.500", "") + Interval(2, "0.500", "2.000", "say\"\" b") +
          Interval(3, "2.000", "4.000", "") +
          "    item [2]:\n        class = \"IntervalTier\"\n        name = \"words\"\n"
          "        xmin = 0.000\n        xmax = 4.000\n        intervals: size = 5\n" +
          Interval(1, "0.000", "0.500", "") + Interval(2, "0.500", "1.000", "say\"\"") +
          Interval(3, "1.000", "1.250", "") + Interval(4, "1.250", "2.000", "b") +
          Interval(5, "2.000", "4.000", ""));
}

TEST(TranscriptWriter, TextGridOfWordsThatOverlap) {
  // b begins within a; c and d begin together; e, of no length, is last; nothing is lost.
  const std::string grid = Written(
      "textgrid", {Segment(0, 1, {{"a", 0, 0.5}, {"b", 0.3, 0.9}, {"c", 0.9, 1}, {"d", 0.9, 0.9}}),
                   Segment(1, 1, {{"e", 1, 1}})});
  EXPECT_HAS(grid, "intervals: size = 4\n" + Interval(1, "0.000", "0.300", "a") +
                       Interval(2, "0.300", "0.900", "b") + Interval(3, "0.900", "1.000", "c d") +
                       Interval(4, "1.000", "1.001", "e"));
  EXPECT_HAS(grid, "\nxmax = 1.001\n");
}

TEST(TranscriptWriter, TextGridOfNothingAndOfTwoChannels) {
  EXPECT_HAS(Written("textgrid", {}), "intervals: size = 1\n" + Interval(1, "0.000", "0.001", ""));
  TimedSegment second = Segment(0, 2, {{"b", 0.5, 2}});
  second.channel = 2;
  const std::string grid = Written("textgrid", {second, Segment(0, 1, {{"a", 0, 1}})});
  EXPECT_HAS(grid, "size = 4\n");
  EXPECT_LT(grid.find("name = \"words 1\""), grid.find("name = \"utterances 2\""));
}

TEST(TranscriptWriter, RefusesWhatIsNoTranscript) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto error = [](const TimedSegment &segment) {
    return ErrorOf([&] { Written("ctm", {segment}); });
  };
  EXPECT_HAS(error(Segment(0, 1, {{"a", kNan, 1}})),
             "utterance 'utt': the word 'a' lasts from nan");
  EXPECT_HAS(error(Segment(0, 1, {{"a", 0.5, 0.4}})), "ends before");
  EXPECT_HAS(error(Segment(-1, 1, {})), "no time of a recording");
  EXPECT_HAS(error(Segment(0, 1e300, {})), "no time of a recording");
  EXPECT_HAS(error(Segment(0, 1, {{"", 0, 1}})), "is empty");
  EXPECT_HAS(error(Segment(0, 1, {{"a b", 0, 1}})), "white space");
  EXPECT_HAS(error(Segment(0, 1, {{"a\nb", 0, 1}})), "white space");
  EXPECT_HAS(error(Segment(0, 1, {{"\xff", 0, 1}})), "UTF-8");
  EXPECT_HAS(error(Segment(0, 1, {{"a", 0, 1, 1.01}})), "confidence 1.01");
  EXPECT_HAS(error(Segment(0, 1, {{"a", 0, 1, kNan}})), "confidence nan");
  TimedSegment bad = Segment(0, 1, {});
  bad.channel = 0;
  EXPECT_HAS(error(bad), "channel 0");
  bad = Segment(0, 1, {});
  bad.recording = "a\nb";
  EXPECT_HAS(error(bad), "no name of a recording");
}

TEST(TranscriptWriter, ARecordingAFile) {
  TimedSegment other = Segment(0, 1, {{"x", 0, 1}});
  other.recording = "other";
  for (const char *format : {"srt", "vtt", "textgrid"}) {
    EXPECT_HAS(ErrorOf([&] {
                 Written(format, {Segment(0, 1, {}), other});
               }),
               Cat("format ", format, " holds one recording: 'other' does not fit beside 'rec'"));
  }
  for (const char *format : {"text", "ctm", "json"}) Written(format, {Segment(0, 1, {}), other});
}

TEST(TranscriptWriter, Options) {
  EXPECT_HAS(ErrorOf([] { Written("stm", {}); }),
             "--format=stm: unknown; known formats are text, json, srt, vtt, ctm, textgrid");
  EXPECT_EQ(std::string(FindTranscriptFormat("textgrid").extension), "TextGrid");
  OptionParser po("usage");
  TranscriptOptions opts;
  opts.Register(&po);
  const char *argv[] = {"x", "--print-args=false", "--format=vtt", "--line-width=1"};
  ASSERT_TRUE(po.Parse(4, argv, 0, 0, InputArgs{0}));
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--line-width=1");
  opts.cues = CueOptions();
  opts.confidence_digits = 0;
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--confidence-digits=0");
  opts.confidence_digits = 2;
  opts.cues.lines = 0;
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--lines=0");
  opts.cues = CueOptions();
  opts.cues.cue_seconds = std::numeric_limits<double>::quiet_NaN();
  EXPECT_HAS(ErrorOf([&] { opts.Check(); }), "--cue-seconds=nan");
}

TEST(TimedWords, ShiftToRecording) {
  TimedSegment segment = Segment(0, 2, {{"a", 0.5, 1}, {"b", 1.5, 2.5}});
  ShiftToRecording(10, 12, &segment);
  EXPECT_EQ(segment.begin, 10);
  EXPECT_EQ(segment.end, 12);
  EXPECT_EQ(segment.words[0].begin, 10.5);
  EXPECT_EQ(segment.words[1].begin, 11.5);
  EXPECT_EQ(segment.words[1].end, 12);  // beyond the segment's end
}

TEST(TimedWords, FixedPoint) {
  EXPECT_EQ(FixedPoint(-1500, 3), "-1.500");
  EXPECT_EQ(FixedPoint(-5, 3), "-0.005");
  EXPECT_EQ(FixedPoint(0, 3), "0.000");
  EXPECT_EQ(FixedPoint(12, 0), "12");
}

// --- Cues

std::vector<TimedWord> Words(const std::string &text, double seconds_each = 0.3) {
  std::vector<TimedWord> words;
  for (const std::string &word : SplitWords(text)) {
    const double at = seconds_each * static_cast<double>(words.size());
    words.push_back({word, at, at + seconds_each});
  }
  return words;
}

std::vector<std::vector<std::string>> LinesOf(const std::vector<Cue> &cues) {
  std::vector<std::vector<std::string>> lines;
  for (const Cue &cue : cues) lines.push_back(cue.lines);
  return lines;
}
using Lines = std::vector<std::vector<std::string>>;

CueOptions Narrow(int32_t width, int32_t lines) {
  CueOptions opts;
  opts.line_width = width;
  opts.lines = lines;
  return opts;
}

TEST(Cues, LinesOfACueAreBalanced) {
  EXPECT_EQ(
      LinesOf(MakeCues(Segment(0, 9, Words("the quick brown fox jumps over")), Narrow(24, 2))),
      (Lines{{"the quick brown", "fox jumps over"}}));
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 9, Words("one line")), Narrow(24, 2))),
            (Lines{{"one line"}}));
  EXPECT_TRUE(MakeCues(Segment(0, 9, {}), CueOptions()).empty());
}

TEST(Cues, NoWordIsLeftAlone) {
  // Greedily the last cue would be "f".
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 9, Words("aa bb cc dd ee f")), Narrow(14, 1))),
            (Lines{{"aa bb cc"}, {"dd ee f"}}));
}

TEST(Cues, CutAfterASentenceAndInAPause) {
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 9, Words("aa bb. cc dd ee f")), Narrow(14, 1))),
            (Lines{{"aa bb."}, {"cc dd ee f"}}));
  std::vector<TimedWord> words = Words("aa bb cc dd ee f");
  for (size_t i = 4; i < words.size(); ++i) {
    words[i].begin += 0.8;
    words[i].end += 0.8;
  }
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 9, words), Narrow(14, 1))),
            (Lines{{"aa bb cc dd"}, {"ee f"}}));
  for (size_t i = 1; i < words.size(); ++i) {
    words[i].begin += 1;
    words[i].end += 1;
  }
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 9, words), Narrow(14, 1))),
            (Lines{{"aa"}, {"bb cc dd ee f"}}));
}

TEST(Cues, NoneLastsTooLong) {
  const std::vector<Cue> cues = MakeCues(Segment(0, 99, Words("a b c d", 3)), CueOptions());
  EXPECT_EQ(LinesOf(cues), (Lines{{"a b"}, {"c d"}}));
  EXPECT_EQ(cues[1].begin, 6000);
  EXPECT_EQ(cues[1].end, 12000);
  // A single word may.
  EXPECT_EQ(MakeCues(Segment(0, 99, Words("a", 30)), CueOptions())[0].end, 30000);
}

TEST(Cues, WordsWiderThanALineAreCutBetweenCharacters) {
  // Eight characters of two columns each, in lines of five: two each.
  const std::vector<Cue> cues = MakeCues(Segment(0, 8, {{"今天天气很好吗啊", 0, 8}}), Narrow(5, 2));
  EXPECT_EQ(LinesOf(cues), (Lines{{"今天", "天气"}, {"很好", "吗啊"}}));
  EXPECT_EQ(cues[1].begin, 4000);
  // Marks stay with their letters: a, e and acute, i in lines of one column.
  EXPECT_EQ(LinesOf(MakeCues(Segment(0, 8, {{"ae\u0301i", 0, 8}}), Narrow(2, 1))),
            (Lines{{"ae\u0301"}, {"i"}}));
}

// Whatever the words, nothing is lost and all limits hold.
TEST(Cues, RandomTextsKeepEveryLetterAndTheLimits) {
  for (int seed = 0; seed < 200; ++seed) {
    unsigned x = static_cast<unsigned>(seed) * 2654435761u + 1;
    const auto next = [&](unsigned n) { return (x = x * 1664525u + 1013904223u) / 65536u % n; };
    std::vector<TimedWord> words;
    std::string want;
    double at = 0;
    for (unsigned i = next(80); i > 0; --i) {
      const std::string word(1 + next(20), static_cast<char>('a' + next(26)));
      at += next(8) == 0 ? 0.2 * next(9) : 0;
      words.push_back({word, at, at + 0.1 * (1 + next(5))});
      at = words.back().end;
      want += word;
    }
    CueOptions opts =
        Narrow(12 + static_cast<int32_t>(next(30)), 1 + static_cast<int32_t>(next(3)));
    std::string got;
    int64_t end = 0;
    for (const Cue &cue : MakeCues(Segment(0, 1e4, words), opts)) {
      ASSERT_LE(cue.lines.size(), static_cast<size_t>(opts.lines));
      ASSERT_GE(cue.begin, end - 1);
      ASSERT_LE(cue.end - cue.begin, 7001);
      end = cue.end;
      for (const std::string &line : cue.lines) {
        ASSERT_LE(line.size(), static_cast<size_t>(opts.line_width));
        for (const char c : line) got += c == ' ' ? "" : std::string(1, c);
      }
    }
    ASSERT_EQ(got, want);
  }
}

}  // namespace
}  // namespace u2moe
