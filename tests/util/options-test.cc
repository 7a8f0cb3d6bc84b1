#include "util/options.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// A parser of one option of each type, and what it said.
struct Tool {
  bool flag = false, on = true;
  int32_t count = 5;
  int64_t big = 6;
  float rate = 0.1f;
  double exact = 0.25;
  std::string name = "x y";
  OptionParser po{"Does things.\n\nUsage: tool [options] <in> <out>\n  e.g. tool a b\n"};
  std::string out, err;

  Tool() {
    po.Register("flag", &flag, "a flag");
    po.Register("on", &on, "a flag that is on");
    po.Register("num-frames", &count, "frames");
    po.Register("big", &big, "a big number");
    po.Register("rate", &rate, "a share");
    po.Register("exact", &exact, "a double");
    po.Register("name", &name, "a name");
  }

  bool Parse(std::vector<const char *> args, int min_args = 0, int max_args = -1) {
    args.insert(args.begin(), "tool");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    bool result = false;
    std::string failure;
    try {
      result = po.Parse(static_cast<int>(args.size()), args.data(), min_args, max_args,
                        InputArgs{InputArgs::kNone});
    } catch (const UsageError &e) {
      failure = e.what();
    }
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    if (!failure.empty()) throw UsageError(failure);
    return result;
  }

  // The message of the UsageError, or "none".
  std::string Failure(const std::vector<const char *> &args, int min_args = 0, int max_args = -1) {
    try {
      Parse(args, min_args, max_args);
    } catch (const UsageError &e) {
      return e.what();
    }
    return "none";
  }
};

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Options, AllTypes) {
  Tool t;
  EXPECT_TRUE(t.Parse({"--flag", "--on=false", "--num-frames=-3", "--big=5000000000", "--rate=1e-3",
                       "--exact=0.5", "--name=a b=c", "in", "out"}));
  EXPECT_TRUE(t.flag);
  EXPECT_FALSE(t.on);
  EXPECT_EQ(t.count, -3);
  EXPECT_EQ(t.big, 5000000000);
  EXPECT_EQ(t.rate, 1e-3f);
  EXPECT_EQ(t.exact, 0.5);
  EXPECT_EQ(t.name, "a b=c");
  ASSERT_EQ(t.po.NumArgs(), 2);
  EXPECT_EQ(t.po.Arg(0), "in");
  EXPECT_EQ(t.po.OptionalArg(1), "out");
  EXPECT_EQ(t.po.OptionalArg(2), "");
  EXPECT_EQ(t.err,
            "tool --flag --on=false --num-frames=-3 --big=5000000000 --rate=1e-3 --exact=0.5 "
            "'--name=a b=c' in out\n");
  EXPECT_EQ(t.out, "");
}

TEST(Options, DefaultsStayAndWasGivenKnows) {
  Tool t;
  EXPECT_TRUE(t.Parse({"--rate=0.1", "--print-args=false"}));
  EXPECT_EQ(t.err, "");
  EXPECT_EQ(t.count, 5);
  EXPECT_EQ(t.name, "x y");
  EXPECT_TRUE(t.po.WasGiven("rate"));
  EXPECT_FALSE(t.po.WasGiven("name"));
}

TEST(Options, Booleans) {
  for (const char *yes : {"--flag", "--flag=true", "--flag=1", "--flag=yes", "--flag=t", "--flag=T",
                          "--flag=True", "--flag= t ", "--FLAG"}) {
    Tool t;
    t.Parse({yes});
    EXPECT_TRUE(t.flag) << yes;
  }
  for (const char *no :
       {"--on=false", "--on=0", "--on=no", "--on=f", "--on=F", "--on=FALSE", "--ON=f"}) {
    Tool t;
    t.Parse({no});
    EXPECT_FALSE(t.on) << no;
  }
  EXPECT_EQ(Tool().Failure({"--flag=maybe"}), "--flag=maybe: expected true or false");
  EXPECT_EQ(Tool().Failure({"--flag="}), "--flag=: expected true or false");
  EXPECT_EQ(Tool().Failure({"--flag=tt"}), "--flag=tt: expected true or false");
  EXPECT_EQ(Tool().Failure({"--on=-1"}), "--on=-1: expected true or false");
}

TEST(Options, LaterValueWins) {
  Tool t;
  t.Parse({"--num-frames=1", "--name=a", "--num-frames=2", "--name="});
  EXPECT_EQ(t.count, 2);
  EXPECT_EQ(t.name, "");
}

TEST(Options, UnderscoresAreHyphens) {
  Tool t;
  t.Parse({"--num_frames=7", "--name=a_b"});
  EXPECT_EQ(t.count, 7);
  EXPECT_EQ(t.name, "a_b");
}

TEST(Options, SpacesAroundValuesAreDropped) {
  Tool t;
  t.Parse({"--num-frames= 7", "--rate=0.5 ", "--name=  a b\t"});
  EXPECT_EQ(t.count, 7);
  EXPECT_EQ(t.rate, 0.5f);
  EXPECT_EQ(t.name, "a b");
}

TEST(Options, WithoutEffectButChecked) {
  Tool t;
  t.po.RegisterUnused("old", int32_t{-1}, "");
  t.po.RegisterUnused("older", false, "there is one format");
  t.Parse({"--old=4", "--older"});
  EXPECT_EQ(t.Failure({"--old=x"}), "--old=x: expected a whole number that is not too large");
  EXPECT_FALSE(t.Parse({"--help"}));
  EXPECT_HAS(t.out, "--old (int, default ");
  EXPECT_HAS(t.out, "no effect, as in Kaldi\n");
  EXPECT_HAS(t.out, "no effect: there is one format\n");
}

TEST(Options, UnknownOptionsNameTheNearest) {
  EXPECT_EQ(Tool().Failure({"--num-frame=3"}),
            "unknown option --num-frame; did you mean --num-frames?");
  EXPECT_EQ(Tool().Failure({"--nmae=3"}), "unknown option --nmae; did you mean --name?");
  EXPECT_EQ(Tool().Failure({"--quite-another=3"}), "unknown option --quite-another");
  EXPECT_EQ(Tool().Failure({"--z"}), "unknown option --z");
  EXPECT_HAS(Tool().Failure({"-f", "x"}), "unknown option -f; options begin with --");
}

TEST(Options, BadValues) {
  EXPECT_HAS(Tool().Failure({"--num-frames=abc"}), "--num-frames");
  EXPECT_HAS(Tool().Failure({"--num-frames=3.5"}), "--num-frames");
  EXPECT_HAS(Tool().Failure({"--num-frames=5000000000"}), "--num-frames");
  EXPECT_HAS(Tool().Failure({"--num-frames="}), "--num-frames");
  EXPECT_EQ(Tool().Failure({"--rate=1,5"}), "--rate=1,5: expected a number");
  EXPECT_HAS(Tool().Failure({"--num-frames", "3"}), "needs a value: --num-frames=VALUE");
}

TEST(Options, ArgumentsAreNotOptions) {
  Tool t;
  t.Parse({"--flag", "-", "ark:-", "--", "--what"});
  EXPECT_EQ(t.po.NumArgs(), 4);
  EXPECT_EQ(t.po.Arg(0), "-");
  Tool u;
  u.Parse({"--", "--flag"});
  EXPECT_FALSE(u.flag);
  EXPECT_EQ(u.po.Arg(0), "--flag");
}

TEST(Options, AnOptionAfterTheArgumentsIsNotLost) {
  EXPECT_HAS(Tool().Failure({"in", "out", "--num-frames=3"}), "must come before the arguments");
  EXPECT_HAS(Tool().Failure({"in", "--flag"}), "must come before the arguments");
}

TEST(Options, NumberOfArguments) {
  EXPECT_EQ(Tool().Failure({"a"}, 2, 2), "1 arguments given. Usage: tool [options] <in> <out>");
  EXPECT_HAS(Tool().Failure({"a", "b", "c"}, 2, 2), "3 arguments given.");
  EXPECT_EQ(Tool().Failure({"a", "b"}, 2, 2), "none");
  EXPECT_EQ(Tool().Failure({"a", "b", "c"}, 1, -1), "none");
}

TEST(Options, HelpGoesToStdoutAndStops) {
  Tool t;
  EXPECT_FALSE(t.Parse({"--help"}, 2, 2));
  EXPECT_HAS(t.out, "Does things.");
  EXPECT_HAS(t.out, "--num-frames (int, default 5)\n      frames");
  EXPECT_HAS(t.out, "--rate (float, default 0.1)");
  EXPECT_HAS(t.out, "--name (string, default \"x y\")");
  EXPECT_HAS(t.out, "--on (bool, default true)");
  EXPECT_EQ(t.err, "");
  EXPECT_FALSE(Tool().Parse({"-h"}, 2, 2));
  EXPECT_FALSE(Tool().Parse({"in", "out", "--help"}, 2, 2));
  EXPECT_FALSE(Tool().Parse({"--nonsense", "--config=/nonexistent.conf", "--help"}, 2, 2));
  EXPECT_TRUE(Tool().Parse({"--", "in", "--help"}, 2, 2));
  EXPECT_FALSE(Tool().Parse({"--help=false", "--help"}, 2, 2));
  EXPECT_TRUE(Tool().Parse({"--help=false", "in", "out"}, 2, 2));
}

TEST(Options, ConfigFiles) {
  const std::string path = TempDir() + "/a b.conf", option = "--config=" + path;
  WriteFile(
      path,
      "# comment\n\n--num-frames=8   # eight\r\nrate = 0.5\nname=from file\nflag\nnum_frames=9\n");
  Tool t;
  t.Parse({"--name=from line", option.c_str()});
  EXPECT_EQ(t.count, 9);
  EXPECT_EQ(t.rate, 0.5f);
  EXPECT_TRUE(t.flag);
  EXPECT_EQ(t.name, "from line");  // the command line wins, wherever --config stands
  EXPECT_TRUE(t.po.WasGiven("num-frames"));
  Tool u;
  u.po.ReadConfigFile(path);
  EXPECT_EQ(u.name, "from file");
}

TEST(Options, ConfigFilesOfOtherEditors) {
  const std::string path = TempDir() + "/bom.conf", option = "--config=" + path;
  WriteFile(path, "\xEF\xBB\xBF--num_frames=8\r\n  RATE = 0.5 \r\n--on=f");
  Tool t;
  t.Parse({option.c_str()});
  EXPECT_EQ(t.count, 8);
  EXPECT_EQ(t.rate, 0.5f);
  EXPECT_FALSE(t.on);
}

TEST(Options, TheLastConfigFileWins) {
  const std::string first = TempDir() + "/first.conf", second = TempDir() + "/second.conf";
  WriteFile(first, "rate=1\nname=first\n");
  WriteFile(second, "rate=2\n");
  Tool t;
  t.Parse({("--config=" + first).c_str(), ("--config=" + second).c_str()});
  EXPECT_EQ(t.rate, 2);
  EXPECT_EQ(t.name, "first");
}

TEST(Options, ForeignConfigsAreCheckedAndLeaveTheLogAlone) {
  const std::string path = TempDir() + "/foreign.conf";
  WriteFile(path, "verbose=3\nprint-args=false\nhelp=true\nnum-frames=6\n");
  Tool t;
  SetVerbosity(0);
  t.po.ReadForeignConfig(path);
  EXPECT_EQ(t.count, 6);
  EXPECT_EQ(Verbosity(), 0);
  t.po.AddCheck([&] {
    if (t.count > 5) throw UsageError("--num-frames: too many");
  });
  try {
    t.po.ReadForeignConfig(path);
    ADD_FAILURE();
  } catch (const UsageError &e) {
    EXPECT_EQ(e.what(), path + ": --num-frames: too many");
  }
}

TEST(Options, BadConfigFiles) {
  const std::string path = TempDir() + "/bad.conf", option = "--config=" + path;
  auto failure = [&](const std::string &contents) {
    WriteFile(path, contents);
    return Tool().Failure({option.c_str()});
  };
  EXPECT_EQ(failure("\u3000rate=0.5\n"),
            path + ":1: unknown option --\\u{3000}rate; did you mean --rate?");
  EXPECT_EQ(failure("rate\u00a00.5\n"), path + ":1: expected name=value, found 'rate\\u{A0}0.5'");
  EXPECT_EQ(failure("rate=1\nrat=0.5\n"), path + ":2: unknown option --rat; did you mean --rate?");
  EXPECT_EQ(failure("rate 0.5\n"), path + ":1: expected name=value, found 'rate 0.5'");
  EXPECT_EQ(failure("rate\n"), path + ":1: option --rate needs a value: --rate=VALUE");
  EXPECT_HAS(failure("\nnum-frames=x\n"), path + ":2: ");
  EXPECT_HAS(failure("config=other.conf\n"), "cannot name another");
  EXPECT_HAS(Tool().Failure({"--config=/nonexistent.conf"}), "/nonexistent.conf");
  EXPECT_HAS(Tool().Failure({"--config=/"}), "cannot read configuration file /");
}

TEST(Options, ChecksRunAtTheEndOfParse) {
  Tool t;
  t.po.AddCheck([&] {
    if (t.count > 5) throw UsageError("--num-frames: too many");
  });
  EXPECT_EQ(t.Failure({"--num-frames=6"}), "--num-frames: too many");
  EXPECT_EQ(t.Failure({"--num-frames=4"}), "none");
  EXPECT_EQ(t.Failure({"--num-frames=6", "--help"}), "none");
}

TEST(Options, Verbose) {
  Tool t;
  t.Parse({"--verbose=3"});
  EXPECT_EQ(Verbosity(), 3);
  SetVerbosity(0);
}

TEST(Options, RegisteringTwiceIsAProgrammingError) {
  Tool t;
  EXPECT_THROW(t.po.Register("rate", &t.exact, "again"), Error);
}

TEST(ShellQuote, OneWord) {
  EXPECT_EQ(ShellQuote("ark:a,b"), "ark:a,b");
  EXPECT_EQ(ShellQuote(""), "''");
  EXPECT_EQ(ShellQuote("a b"), "'a b'");
  EXPECT_EQ(ShellQuote("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellQuote("$x|"), "'$x|'");
}

}  // namespace
}  // namespace u2moe
