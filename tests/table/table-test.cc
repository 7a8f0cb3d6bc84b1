#include "table/table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "support/error-test.h"
#include "support/test-util.h"
#include "table/text-tables.h"

namespace u2moe {
namespace {

using Ints = std::vector<int32_t>;
using Words = std::vector<std::string>;

std::string MakeFile(const std::string &name, const std::string &contents) {
  WriteFile(File(name), contents);
  return File(name);
}

template <class Reader>
std::vector<std::pair<std::string, typename Reader::T>> ReadAll(const std::string &rspecifier) {
  std::vector<std::pair<std::string, typename Reader::T>> entries;
  Reader reader(rspecifier);
  for (; !reader.Done(); reader.Next()) entries.emplace_back(reader.Key(), reader.Value());
  reader.Close();
  return entries;
}

TEST(Specifiers, Read) {
  Rspecifier r = ParseRspecifier("ark:-");
  EXPECT_FALSE(r.is_script || r.once || r.sorted || r.called_sorted || r.permissive);
  EXPECT_EQ(r.rxfilename, "-");
  r = ParseRspecifier("s,cs,o,p,b,bg,scp:cat 'a:b' |");
  EXPECT_TRUE(r.is_script && r.once && r.sorted && r.called_sorted && r.permissive);
  EXPECT_EQ(r.rxfilename, "cat 'a:b' |");
  r = ParseRspecifier("ark,s,ns,cs,ncs,o,no,p,np,t:x:1");
  EXPECT_FALSE(r.background || r.once || r.sorted || r.called_sorted || r.permissive);
  EXPECT_EQ(r.rxfilename, "x:1");
  for (const char *bad : {"", "x", "ark", "ark:", "s:x", "ark,scp:x", "ark,q:x", "ark,:x", " ark:x",
                          "ark:x ", "ark,f:x", "Ark:x", "feats.scp:12"}) {
    EXPECT_THROW(ParseRspecifier(bad), UsageError) << bad;
  }
}

TEST(Specifiers, Write) {
  Wspecifier w = ParseWspecifier("ark:-");
  EXPECT_EQ(*w.archive, "-");
  EXPECT_TRUE(!w.script && w.binary && !w.flush && !w.permissive);
  w = ParseWspecifier("t,f,p,ark,scp:a b.ark,/x/c,d.scp");
  EXPECT_EQ(*w.archive, "a b.ark");
  EXPECT_EQ(*w.script, "/x/c,d.scp");
  EXPECT_TRUE(!w.binary && w.flush && w.permissive);
  w = ParseWspecifier("scp,t,b,f,nf:x.scp");
  EXPECT_EQ(*w.script, "x.scp");
  EXPECT_TRUE(!w.archive && w.binary && !w.flush);
  for (const char *bad :
       {"", "x", "ark:", "t:x", "scp,ark:a,b", "ark,scp:a", "ark,scp:a,", "ark,scp:,b",
        "ark,scp:-,b", "ark,scp:| cat,b", "ark,scp:a,a", "ark,s:x", "ark: x "}) {
    EXPECT_THROW(ParseWspecifier(bad), UsageError) << bad;
  }
  EXPECT_TRUE(IsTable("ark:x"));
  EXPECT_TRUE(IsTable("t,scp:x"));
  EXPECT_FALSE(IsTable("/a/b.ark:12"));
  EXPECT_FALSE(IsTable("-"));
}

TEST(Tables, BytesOfIntAndTokenVectors) {
  const auto write = [](const std::string &options) {
    Int32VectorWriter writer("ark" + options + ":" + File("ints"));
    writer.Write("a", {1, -2});
    writer.Write("b", {});
    writer.Close();
    return ReadFile(File("ints"));
  };
  EXPECT_EQ(write(",t"), "a 1 -2 \nb \n");
  const std::string binary(
      "a \0B\4\2\0\0\0\4\1\0\0\0\4\xfe\xff\xff\xff"
      "b \0B\4\0\0\0\0",
      28);
  EXPECT_EQ(write(""), binary);
  TokenVectorWriter tokens("ark:" + File("tokens"));
  tokens.Write("u\xc3\xa9", {"gr\xc3\xbc\xc3\x9f", "\xe4\xbd\xa0"});
  tokens.Write("empty", {});
  tokens.Close();
  EXPECT_EQ(ReadFile(File("tokens")), "u\xc3\xa9 gr\xc3\xbc\xc3\x9f \xe4\xbd\xa0 \nempty \n");
  const auto read = ReadAll<SequentialTokenVectorReader>("ark:" + File("tokens"));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].second, (Words{"gr\xc3\xbc\xc3\x9f", "\xe4\xbd\xa0"}));
  EXPECT_EQ(read[1].second, Words{});
}

TEST(Tables, ReadsTextAsPeopleWriteIt) {
  MakeFile("text", "\nu1  a\tb \r\nu2\nu3 \n\n u4\tc");
  const auto read = ReadAll<SequentialTokenVectorReader>("ark,t:" + File("text"));
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[0].second, (Words{"a", "b"}));
  EXPECT_EQ(read[1], (std::pair<std::string, Words>("u2", {})));
  EXPECT_EQ(read[2], (std::pair<std::string, Words>("u3", {})));
  EXPECT_EQ(read[3], (std::pair<std::string, Words>("u4", {"c"})));
  EXPECT_TRUE(ReadAll<SequentialTokenVectorReader>("ark:/dev/null").empty());
  EXPECT_TRUE(ReadAll<SequentialInt32VectorReader>("scp:/dev/null").empty());
  MakeFile("ints", "a [ 1 2 ]\nb [ ]\n");  // kaldiio
  const auto ints = ReadAll<SequentialInt32VectorReader>("ark:" + File("ints"));
  EXPECT_EQ(ints[0].second, (Ints{1, 2}));
  EXPECT_EQ(ints[1].second, Ints{});
}

TEST(Tables, Int32) {
  for (const char *options : {"", ",t"}) {
    Int32Writer writer("ark" + std::string(options) + ":" + File("lens"));
    writer.Write("a", 5);
    writer.Write("b", -7);
    writer.Close();
    const auto read = ReadAll<SequentialInt32Reader>("ark:" + File("lens"));
    EXPECT_EQ(read[0].second, 5);
    EXPECT_EQ(read[1].second, -7);
  }
  EXPECT_EQ(ReadFile(File("lens")), "a 5 \nb -7 \n");
}

TEST(Tables, ArchiveWithScript) {
  const std::string ark = File("with space.ark"), scp = File("with space.scp");
  Int32VectorWriter writer("ark,scp:" + ark + "," + scp);
  for (int32_t i = 0; i < 100; ++i) writer.Write("k" + std::to_string(i), {i, i * i});
  EXPECT_FALSE(std::filesystem::exists(ark));
  writer.Close();
  const std::string lines = ReadFile(scp);
  EXPECT_EQ(lines.substr(0, lines.find('\n')), "k0 " + ark + ":3");
  for (const std::string &spec : {"ark:" + ark, "scp:" + scp}) {
    const auto read = ReadAll<SequentialInt32VectorReader>(spec);
    ASSERT_EQ(read.size(), 100u);
    for (int32_t i = 0; i < 100; ++i) EXPECT_EQ(read[i].second, (Ints{i, i * i}));
  }
  RandomAccessInt32VectorReader reader("scp:" + scp);
  for (int32_t i = 99; i >= 0; i -= 7) {
    EXPECT_EQ(reader.Value("k" + std::to_string(i)), (Ints{i, i * i}));
  }
  EXPECT_FALSE(reader.HasKey("k100"));
}

TEST(Tables, ScriptOfFilesAndCommands) {
  MakeFile("one", "1 2 \n");
  MakeFile("mixed.scp", "a " + File("one") + "\nb echo 3 4 |\nc echo 9; false |\nd " +
                            File("absent") + "\ne echo 5 |\n");
  SequentialInt32VectorReader reader("scp:" + File("mixed.scp"));
  EXPECT_EQ(reader.Value(), (Ints{1, 2}));
  reader.Next();
  EXPECT_EQ(reader.Value(), (Ints{3, 4}));
  reader.Next();
  const std::string failed = ErrorOf([&] { reader.Value(); });
  EXPECT_HAS(failed, File("mixed.scp") + ":3: key 'c' from echo 9; false |");
  EXPECT_HAS(failed, "the command 'echo 9; false' ended with exit status 1");
  EXPECT_THROW(reader.Value(), DataError);
  reader.Next();
  EXPECT_HAS(ErrorOf([&] { reader.Value(); }), File("absent") + ": No such file");
  reader.Next();
  EXPECT_EQ(reader.Value(), Ints{5});
  reader.Next();
  EXPECT_TRUE(reader.Done());

  const auto permissive = ReadAll<SequentialInt32VectorReader>("scp,p:" + File("mixed.scp"));
  ASSERT_EQ(permissive.size(), 3u);
  EXPECT_EQ(permissive[2].first, "e");
  RandomAccessInt32VectorReader random("scp,p:" + File("mixed.scp"));
  EXPECT_FALSE(random.HasKey("c"));
  EXPECT_TRUE(random.HasKey("b"));
}

TEST(Tables, WritesThroughScript) {
  MakeFile("out.scp", "a " + File("out a") + "\nb | cat > " + File("out-b") + "\n");
  Int32VectorWriter writer("scp,t:" + File("out.scp"));
  writer.Write("b", {2});
  writer.Write("a", {1});
  EXPECT_HAS(ErrorOf([&] { writer.Write("c", {3}); }), "no line for key 'c'");
  writer.Close();
  EXPECT_EQ(ReadFile(File("out a")), "1 \n");
  EXPECT_EQ(ReadFile(File("out-b")), "2 \n");
  Int32VectorWriter permissive("scp,t,p:" + File("out.scp"));
  permissive.Write("c", {3});
  permissive.Close();
}

TEST(Tables, BadEntriesOfTextAreSkipped) {
  MakeFile("bad", "a 1\nb 2 x\nc 3\nd 99999999999\ne 5\n");
  SequentialInt32VectorReader reader("ark:" + File("bad"));
  Words bad, good;
  for (; !reader.Done(); reader.Next()) {
    try {
      reader.Value();
      good.push_back(reader.Key());
    } catch (const DataError &e) {
      EXPECT_HAS(std::string(e.what()), "key '" + reader.Key() + "' at byte ");
      bad.push_back(reader.Key());
    }
  }
  EXPECT_EQ(good, (Words{"a", "c", "e"}));
  EXPECT_EQ(bad, (Words{"b", "d"}));
  EXPECT_EQ(ReadAll<SequentialInt32VectorReader>("ark,p:" + File("bad")).size(), 3u);
  SequentialInt32VectorReader unread("ark:" + File("bad"));  // values not asked for are no errors
  int n = 0;
  for (; !unread.Done(); unread.Next()) ++n;
  EXPECT_EQ(n, 5);
}

TEST(Tables, ForeignFiles) {
  MakeFile("scp", "a " + File("one") + "\n");
  EXPECT_HAS(ErrorOf([] { ReadAll<SequentialInt32Reader>("scp:" + MakeFile("x", "key\n")); }),
             ":1: expected a key and a file");
  const std::string wav("RIFF\x24\x00\x00\x00WAVEfmt ", 16);
  EXPECT_HAS(ErrorOf([&] { SequentialInt32VectorReader("ark:" + MakeFile("wav", wav)); }),
             "expected a key at byte 0, found 'RIFF$\\x00\\x00\\x00'; it is a WAV file");
  EXPECT_HAS(
      ErrorOf([&] {
        SequentialInt32VectorReader("ark:" + MakeFile("gz", std::string("\x1f\x8b\x08\0", 4)));
      }),
      "it is compressed; read it as 'ark:gunzip -c FILE |'");
  EXPECT_HAS(
      ErrorOf([&] { SequentialInt32VectorReader("ark:" + MakeFile("x", std::string(5000, 'x'))); }),
      "expected a key at byte 0");
  const std::string ark("a \0B\4\1\0\0\0\4\7\0\0\0", 14);
  EXPECT_HAS(ErrorOf([&] { SequentialInt32VectorReader("scp:" + MakeFile("ark", ark)); }),
             "if it is an archive, write ark: instead of scp:");
  EXPECT_HAS(
      ErrorOf([&] {
        ReadAll<SequentialInt32VectorReader>("scp:" + MakeFile("scp", "a " + File("ark") + "\n"));
      }),
      "the file is an archive, so the line needs an offset like " + File("ark") + ":123");
}

TEST(Tables, EveryTruncationIsAnError) {
  Int32VectorWriter writer("ark:" + File("whole"));
  writer.Write("a", {1, 2, 3});
  writer.Write("bc", {4});
  writer.Close();
  const std::string whole = ReadFile(File("whole"));
  const size_t second = whole.find("bc");
  for (size_t n = 1; n < whole.size(); ++n) {
    if (n == second) continue;
    MakeFile("cut", whole.substr(0, n));
    const std::string error =
        ErrorOf([] { ReadAll<SequentialInt32VectorReader>("ark:" + File("cut")); });
    EXPECT_HAS(error, File("cut") + ": key '");
    EXPECT_HAS(error, "truncated");
    RandomAccessInt32VectorReader random("ark:" + File("cut"));
    EXPECT_THROW(random.HasKey("zz"), Error);
    RandomAccessInt32VectorReader permissive("ark,p:" + File("cut"));
    EXPECT_FALSE(permissive.HasKey("zz"));
    EXPECT_EQ(permissive.HasKey("a"), n > second);
  }
}

TEST(Tables, HugeLengthIsNotBelieved) {
  const std::string huge("a \0B\4\xff\xff\xff\x7f\4\1\0\0\0", 14);
  EXPECT_HAS(
      ErrorOf([&] { ReadAll<SequentialInt32VectorReader>("ark:" + MakeFile("huge", huge)); }),
      "the data end after 5 of 10737418235 bytes");
  const std::string negative("a \0B\4\xff\xff\xff\xff\4\1\0\0\0", 14);
  EXPECT_HAS(
      ErrorOf([&] { ReadAll<SequentialInt32VectorReader>("ark:" + MakeFile("huge", negative)); }),
      "negative length (-1)");
}

TEST(Tables, FailedCommandsAreReported) {
  EXPECT_HAS(ErrorOf([] { ReadAll<SequentialInt32VectorReader>("ark:echo a 1; exit 5 |"); }),
             "the command 'echo a 1; exit 5' ended with exit status 5");
  EXPECT_HAS(ErrorOf([] { ReadAll<SequentialInt32VectorReader>("scp:exit 6 |"); }),
             "ended with exit status 6");
  const std::string cut =
      ErrorOf([] { ReadAll<SequentialInt32VectorReader>("ark:printf 'a \\000B\\004'; exit 7 |"); });
  EXPECT_HAS(cut, "the data end after 1 of 5 bytes");
  EXPECT_HAS(cut, "ended with exit status 7");
  RandomAccessInt32VectorReader random("ark:echo a 1; exit 8 |");
  EXPECT_TRUE(random.HasKey("a"));
  EXPECT_HAS(ErrorOf([&] { random.HasKey("b"); }), "ended with exit status 8");
  SequentialInt32VectorReader early("ark:while true; do echo a 1; done |");
  early.Next();
  early.Close();  // not an error: we did not want the rest
}

TEST(Tables, RandomAccessArchive) {
  MakeFile("r", "b 2\na 1\nd 4\nc 3\n");
  RandomAccessInt32VectorReader reader("ark:" + File("r"));
  EXPECT_EQ(reader.Value("d"), Ints{4});
  EXPECT_EQ(reader.Value("a"), Ints{1});
  EXPECT_FALSE(reader.HasKey("x"));
  EXPECT_EQ(reader.Value("a"), Ints{1});
  EXPECT_EQ(reader.Value("c"), Ints{3});
  const std::string missing = ErrorOf([&] { reader.Value("x"); });
  EXPECT_HAS(missing, "no entry for key 'x' in " + File("r"));
  EXPECT_THROW(reader.Value("x"), DataError);
  RandomAccessInt32VectorReader empty("ark:/dev/null");
  EXPECT_FALSE(empty.HasKey("a"));
}

TEST(Tables, RandomAccessOnce) {
  MakeFile("r", "b 2\na 1\nd 4\n");
  RandomAccessInt32VectorReader reader("ark,o:" + File("r"));
  EXPECT_TRUE(reader.HasKey("a"));
  EXPECT_EQ(reader.Value("a"), Ints{1});
  EXPECT_EQ(reader.Value("a"), Ints{1});  // still the same request
  EXPECT_EQ(reader.Value("d"), Ints{4});
  EXPECT_HAS(ErrorOf([&] { reader.Value("a"); }), "key 'a' is asked for again");
  EXPECT_EQ(reader.Value("b"), Ints{2});
}

TEST(Tables, RandomAccessSorted) {
  MakeFile("sorted", "a 1\nc 3\ne 5\n");
  RandomAccessInt32VectorReader reader("ark,s,cs:" + File("sorted"));
  EXPECT_FALSE(reader.HasKey("b"));
  EXPECT_EQ(reader.Value("c"), Ints{3});
  EXPECT_EQ(reader.Value("c"), Ints{3});
  EXPECT_FALSE(reader.HasKey("d"));
  EXPECT_EQ(reader.Value("e"), Ints{5});
  EXPECT_FALSE(reader.HasKey("f"));
  EXPECT_HAS(ErrorOf([&] { reader.HasKey("a"); }), "key 'a' is asked for after 'f'");
  // With s, an absent key does not read on to the end: the bad command is never seen to fail.
  RandomAccessInt32VectorReader sorted("ark,s:printf 'a 1\\nc 3\\nd 4\\n'; exit 1 |");
  EXPECT_FALSE(sorted.HasKey("b"));
  EXPECT_EQ(sorted.Value("a"), Ints{1});
}

TEST(Tables, SortedAndUniqueKeysAreChecked) {
  const std::string path = MakeFile("unsorted", "b 1\na 2\n");
  const auto check = [&](const std::string &error) {
    EXPECT_HAS(error, "unsorted");
    EXPECT_HAS(error, "key 'a'");
    EXPECT_HAS(error, "'b'");
    EXPECT_HAS(error, "LC_ALL=C");
  };
  check(ErrorOf([&] { ReadAll<SequentialInt32VectorReader>("ark,s:" + path); }));
  check(ErrorOf([&] { RandomAccessInt32VectorReader("ark,s:" + path).HasKey("z"); }));
  check(ErrorOf([&] { RandomAccessInt32VectorReader("scp,s:" + path); }));
  const std::string twice = MakeFile("twice", "a 1\nb 2\na 3\n");
  EXPECT_HAS(ErrorOf([&] { RandomAccessInt32VectorReader("ark:" + twice).HasKey("z"); }),
             "key 'a' was already in byte 0; remove one of the two");
  EXPECT_HAS(ErrorOf([&] { RandomAccessInt32VectorReader("scp:" + twice); }),
             ":3: key 'a' was already in line 1");
}

TEST(Tables, WritersRefuseWhatCannotBeReadBack) {
  TokenVectorWriter writer("ark:" + File("refuse"));
  EXPECT_THROW(writer.Write("a b", {"x"}), DataError);
  EXPECT_THROW(writer.Write("", {"x"}), DataError);
  EXPECT_THROW(writer.Write("a", {"x", "y z"}), DataError);
  EXPECT_THROW(writer.Write("a", {""}), DataError);
  writer.Write("a", {"ok"});
  writer.Close();
  EXPECT_EQ(ReadFile(File("refuse")), "a ok \n");
}

TEST(Tables, UnclosedWriterLeavesNothing) {
  const std::string dir = File("unclosed");
  std::filesystem::create_directories(dir);
  try {
    Int32VectorWriter writer("ark,scp:" + dir + "/a," + dir + "/b");
    writer.Write("a", {1});
    throw Error("stop");
  } catch (const Error &) {
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir));
}

}  // namespace
}  // namespace u2moe
